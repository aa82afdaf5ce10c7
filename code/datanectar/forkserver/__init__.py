"""A process that forks children for others. See README.md beside this file."""
