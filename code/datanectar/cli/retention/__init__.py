"""Commands that keep house: what is old goes, unless it is pinned."""
