"""Docs that can't go stale: what they say is there is there, and what they show runs."""
