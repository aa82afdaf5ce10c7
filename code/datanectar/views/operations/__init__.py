"""The pages of what runs many tasks at once."""
