"""``datanectar up``, ``web`` and ``worker``: starting and stopping the processes."""
