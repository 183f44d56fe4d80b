"""The aggregate functions, a family a file, and the registry that finds one for its arguments."""
