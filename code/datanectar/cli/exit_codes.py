"""The exit codes of every command; the help of ``datanectar`` lists them."""

from __future__ import annotations

#: What was asked for was done.
OK = 0
#: What was asked for failed: a task, a check.
FAILED = 1
#: The command could not be carried out: wrong arguments or settings, no app, no such run.
CANNOT = 2
#: It was interrupted by Ctrl-C, as shells have it (128 + SIGINT).
INTERRUPTED = 130
