"""The pages of chains: what there is, and the form of each task."""
