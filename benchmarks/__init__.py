"""Measures what a run costs beside the floor under it: ``python -m benchmarks [name ...]``."""
