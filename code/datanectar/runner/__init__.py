"""Runs a task and all it requires with Luigi's worker."""
