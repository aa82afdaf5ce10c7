"""What a task takes beside the results that it names in full: files of others, the latest result."""
