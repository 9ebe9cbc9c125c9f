"""What is worked out: every term of every number of an operation, from its definition."""
