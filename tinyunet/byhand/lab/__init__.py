"""A page to type numbers of one's own into."""
