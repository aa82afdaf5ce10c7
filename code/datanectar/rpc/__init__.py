"""A run's conversation with luigid, and the reports that it makes of it."""
