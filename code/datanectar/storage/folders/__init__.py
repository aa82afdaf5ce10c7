"""Results that are folders: many files that are there together, or not at all."""
