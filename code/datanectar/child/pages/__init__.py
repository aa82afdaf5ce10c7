"""What children look up for pages, without running anything."""
