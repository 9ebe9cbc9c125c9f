"""How what was worked out is shown: as a figure, and as a page to point at."""
