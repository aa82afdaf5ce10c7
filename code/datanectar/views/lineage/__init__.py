"""The pages of lineage: which tasks feed which, and what a result was made of and made into."""
