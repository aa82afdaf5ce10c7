"""Looks at the parts of the service that end in time, even when a part takes a question and says nothing."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future, wait
from dataclasses import dataclass
from queue import SimpleQueue
from typing import Any

log = logging.getLogger(__name__)

#: Seconds that all looks together may take.
LIMIT = 2.0


class NotWell(Exception):
    """Raised by a look; everybody may read why."""


@dataclass(frozen=True)
class Part:
    """How a part is.

    Args:
        ok: whether it did what it was asked.
        seconds: how long that took, or has taken so far.
        reason: why it is not ok, without addresses and names: everybody may read it.
        found: what the look returned.
    """

    ok: bool
    seconds: float
    reason: str | None = None
    found: Any = None


class Probe:
    """Looks at one part, in a thread of its own, one look at a time: a part that hangs holds up one.

    Args:
        name: what the part is called.
        look: asks it something; raises when it is not well.
    """

    def __init__(self, name: str, look: Callable[[], Any]) -> None:
        self._name, self._look = name, look
        self._asked: SimpleQueue[Future[Any]] = SimpleQueue()
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._going: Future[Any] = Future()
        self._going.set_result(None)
        self._began = self._ended = 0.0
        self._logged: str | None = None

    def begin(self) -> Future[Any]:
        """Begin a look, unless the last one still goes on; return which one does."""
        with self._lock:
            if self._going.done():
                self._going, self._began = Future(), time.monotonic()
                self._asked.put(self._going)
            if self._thread is None:
                self._thread = threading.Thread(target=self._serve, name=self._name, daemon=True)
                self._thread.start()
            return self._going

    def _serve(self) -> None:
        while True:
            asked = self._asked.get()
            try:
                result = self._look()
            except Exception as problem:  # each part raises its own errors
                self._ended = time.monotonic()
                asked.set_exception(problem)
            else:
                self._ended = time.monotonic()
                asked.set_result(result)

    def outcome(self, look: Future[Any]) -> Part:
        """Return what a look has found so far; what is wrong goes to the log when it changes."""
        if not look.done():
            seconds = time.monotonic() - self._began
            self._log(f"no answer within {LIMIT:g} s")
            return Part(False, seconds, f"no answer within {LIMIT:g} s")
        seconds, problem = self._ended - self._began, look.exception()
        if problem is None:
            self._log(None)
            return Part(True, seconds, found=look.result())
        self._log(str(problem) or type(problem).__name__)
        return Part(False, seconds, _kind(problem))

    def _log(self, problem: str | None) -> None:
        if problem != self._logged:
            self._logged = problem
            if problem is None:
                log.info("%s: it is well again", self._name)
            else:
                log.warning("%s: %s", self._name, problem)


def look_at(probes: Mapping[str, Probe]) -> dict[str, Part]:
    """Look at all parts at once; return how each is, within :data:`LIMIT` seconds."""
    looks = {name: probe.begin() for name, probe in probes.items()}
    wait(looks.values(), LIMIT)
    return {name: probes[name].outcome(look) for name, look in looks.items()}


def _kind(problem: BaseException) -> str:
    """Return the kind of an error: of what a library raised, as far as that is known."""
    if isinstance(problem, NotWell):
        return str(problem)
    cause = problem.__cause__ or problem
    cause = getattr(cause, "orig", None) or cause  # SQLAlchemy's has the driver's
    if isinstance(cause, OSError) and cause.strerror:
        return cause.strerror
    return type(cause).__name__
