"""The keys of one task: a grid of them by value, and a browser of their results."""
