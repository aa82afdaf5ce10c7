"""Routes for what a team runs besides single runs: backfills, schedules, webhooks."""
