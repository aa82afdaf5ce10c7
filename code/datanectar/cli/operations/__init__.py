"""Commands of those who run the service: draining workers, a copy of the run store."""
