"""Keeping house: what results, logs and runs are old enough to go, and what is still needed."""
