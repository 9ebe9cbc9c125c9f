"""The machine under NumPy: what it gives, what holds it back, and its memory."""
