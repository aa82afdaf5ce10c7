"""The pages of the service itself: backfills, schedules, workers and queue, settings."""
