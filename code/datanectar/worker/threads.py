"""The worker's threads: each repeats one action, whatever the action raises."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

from datanectar.errors import DatanectarError

log = logging.getLogger(__name__)


def safely(action: Callable[..., object], *arguments: object) -> bool:
    """Call ``action``; log what it raises. Return whether it raised nothing."""
    try:
        action(*arguments)
    except DatanectarError as problem:
        log.warning("%s", problem.message)
        return False
    except Exception:
        log.exception("the worker goes on after this")
        return False
    return True


def repeat(action: Callable[[], object], pause: float, stop: threading.Event) -> threading.Thread:
    """Call ``action`` in a thread, which is returned, with pauses in seconds, until ``stop`` is set."""

    def loop() -> None:
        while not stop.is_set():
            safely(action)
            stop.wait(pause)

    thread = threading.Thread(target=loop, name=action.__name__, daemon=True)
    thread.start()
    return thread
