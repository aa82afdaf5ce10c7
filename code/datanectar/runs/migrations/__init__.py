"""The run store's schema: its revisions in ``versions/``, and what brings a store to the newest one."""
