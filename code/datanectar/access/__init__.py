"""Who may do what: named tokens, users and their sessions, in the run store's database."""
