"""A service under load for a long time, broken again and again; see ``docs/operations.md``."""
