"""The statuses that runs and tasks have, in routes, in the store and between processes."""

PENDING = "PENDING"
RUNNING = "RUNNING"
DONE = "DONE"
FAILED = "FAILED"
DISABLED = "DISABLED"
CANCELLED = "CANCELLED"
UNKNOWN = "UNKNOWN"

#: A run in one of these is still to end.
ACTIVE = (PENDING, RUNNING)
#: A run in one of these will not change any more.
ENDED = (DONE, FAILED, CANCELLED)
