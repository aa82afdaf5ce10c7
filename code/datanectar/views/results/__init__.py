"""Results in pages: what a file of a result looks like without downloading it."""
