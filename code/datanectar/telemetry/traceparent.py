"""The ``traceparent`` of W3C Trace Context: which trace some work belongs to, and what it is part of.

It is passed on without OpenTelemetry, too: a task's own spans then join those of who asked for it.
"""

from __future__ import annotations

import hashlib
import re

#: Where a process finds it (OpenTelemetry's specification, "Environment variables as carriers").
VARIABLE = "TRACEPARENT"
#: The version, the trace, the span and the flags; later versions may say more after these.
_FORM = re.compile(
    r"(?!ff)([0-9a-f]{2})-((?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2})(-.*)?\Z"
)


def checked(text: str | None) -> str | None:
    """Return what a client has sent in the form of version 00, or None when it is not valid."""
    found = _FORM.match(text or "")
    if found is None or (found[1] == "00" and found[3]):
        return None
    return f"00-{found[2]}"


def of_task(traceparent: str | None, task_id: str) -> str | None:
    """Return the ``traceparent`` of a task's own span.

    It follows from the attempt's and from the task, so that the task's process can name the span
    which the worker sends when the task has ended.

    Args:
        traceparent: that of the attempt, or None.
        task_id: Luigi's id of the task.
    """
    if traceparent is None:
        return None
    version, trace, span, flags = traceparent.split("-")
    own = hashlib.blake2b(f"{span} {task_id}".encode(), digest_size=8).hexdigest()
    return f"{version}-{trace}-{own}-{flags}"
