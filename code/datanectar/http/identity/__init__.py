"""Who sends a request, and what that account may: tokens, sessions, limits, the audit log."""
