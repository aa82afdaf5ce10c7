"""What a child process does: one job beside an author's code."""
