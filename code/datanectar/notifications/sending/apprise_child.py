"""``python -m datanectar.notifications.sending.apprise_child``: sends one message by Apprise, and ends.

In a process of its own, as Apprise and its hundred services have time limits that hold for each wait
alone, follow redirects, and start programs: here all of it ends in time, and reaches only what it
may. The job is JSON on standard input, the answer JSON on standard output.
"""

from __future__ import annotations

import json
import logging
import signal
import sys
from io import StringIO
from typing import Any

from datanectar.notifications.sending.addresses import REFUSAL, is_allowed

#: Seconds after which the process is ended.
SECONDS = 30
#: What Python tells of programs that are started (docs.python.org/3/library/audit_events.html).
_PROGRAMS = ("os.exec", "os.fork", "os.forkpty", "os.posix_spawn", "os.system", "subprocess.Popen")


def main() -> None:
    """Read the job, do it, and write the answer."""
    signal.alarm(SECONDS)
    job: dict[str, Any] = json.load(sys.stdin)
    import apprise

    words = StringIO()
    apprise.logger.addHandler(logging.StreamHandler(words))
    apprise.logger.setLevel(logging.WARNING)
    receivers = apprise.Apprise()
    is_ok = bool(receivers.add(job["url"])) and len(receivers) == 1
    if is_ok and "title" in job:
        _confine(job["networks"])
        is_ok = bool(
            receivers.notify(
                title=job["title"],
                body=job["body"],
                notify_type=job["kind"],
                body_format=apprise.NotifyFormat.TEXT,
            )
        )
    json.dump({"ok": is_ok, "words": words.getvalue()}, sys.stdout)


def _confine(networks: list[str]) -> None:
    """Let this process connect only to what may be reached, and start no program."""

    def check(event: str, arguments: tuple[Any, ...]) -> None:
        if event in _PROGRAMS:
            raise PermissionError("a webhook starts no programs")
        if event in ("socket.connect", "socket.sendto"):
            address = arguments[1]
            if not isinstance(address, tuple) or not is_allowed(str(address[0]), networks):
                raise PermissionError(f"{address} {REFUSAL}")

    sys.addaudithook(check)


if __name__ == "__main__":
    main()
