"""Routes for those who watch the service."""
