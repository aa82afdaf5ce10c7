"""Raises when it is imported."""

raise ValueError("the weather is bad")
