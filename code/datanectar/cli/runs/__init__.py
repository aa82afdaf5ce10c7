"""Commands about runs: start, follow, look up, change."""
