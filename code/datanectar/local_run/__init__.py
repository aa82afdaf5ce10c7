"""A run in the processes of a terminal, without a server."""
