"""How webhooks are sent what waits for them: signed, bounded in time and bytes, and only where they may go."""
