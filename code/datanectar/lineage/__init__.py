"""Which results were made of which others, across runs and chains, from what runs have recorded."""
