"""What children work out for pages in the background, kept for a moment."""

from __future__ import annotations

import json
import threading
import time
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as TookTooLong
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from msgspec import structs

from datanectar.messages import ChainDescription
from datanectar.service.service import Service

#: Seconds that a page waits for an answer, that a child may take for it, and after which it is asked
#: for anew. Until the new answer is there, a page gets the one before.
_PATIENCE, _TIMEOUT, _KEPT = 0.3, 10.0, 5.0
_MOST_KEPT = 100

Answer = TypeVar("Answer")


@dataclass
class _Entry(Generic[Answer]):
    future: Future[Answer]
    before: Answer | None = None
    begun: float = field(default_factory=time.monotonic)


class Background(Generic[Answer]):
    """Asks children; two at a time.

    Args:
        service: whose children they are.
    """

    def __init__(self, service: Service) -> None:
        self._service = service
        self._threads = ThreadPoolExecutor(max_workers=2, thread_name_prefix="background")
        self._lock = threading.Lock()
        self._entries: dict[str, _Entry[Answer]] = {}

    def soon(self, chain: ChainDescription, job: Any) -> Answer | None:
        """Return the answer to a job about a chain; None while that is still being worked out.

        Raises:
            DatanectarError: saying why it can't be worked out.
        """
        asked = {**structs.asdict(job), "run_time": "", "sources": chain.sources}
        name = json.dumps(asked, default=str)
        with self._lock:
            entry = self._entries.get(name)
            if entry is None or (entry.begun < time.monotonic() - _KEPT and entry.future.done()):
                entry = self._begin(name, job, entry)
        try:
            return entry.future.result(_PATIENCE)
        except TookTooLong:
            return entry.before

    def _begin(self, name: str, job: Any, old: _Entry[Answer] | None) -> _Entry[Answer]:
        if len(self._entries) >= _MOST_KEPT:
            self._entries = {
                name: entry for name, entry in self._entries.items() if not entry.future.done()
            }
        before = None if old is None or old.future.exception() else old.future.result()
        entry = self._entries[name] = _Entry(self._threads.submit(self._ask, job), before)
        return entry

    def _ask(self, job: Any) -> Answer:
        answer: Answer = self._service.children.ask(
            job, timeout=_TIMEOUT, subject=f"{job.type}/{job.chain}"
        )
        return answer
