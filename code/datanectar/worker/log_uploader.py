"""Brings spooled logs to S3 while a run goes on, and what is left of them when it has ended."""

from __future__ import annotations

import logging
import threading
import time
from pathlib import Path

from datanectar.child_pool import ChildPool
from datanectar.errors import DatanectarError
from datanectar.messages import UploadLogsJob
from datanectar.storage.attempt_files import not_uploaded

log = logging.getLogger(__name__)

#: Seconds that one round of copying may take.
_LIMIT = 600.0
#: S3 can't append: each round copies a log whole. So that copying does not become the work, the
#: pause before a round is at least so many times as long as the last one took.
_PAUSE_FACTOR = 10


class LogUploader:
    """Ships the logs of one attempt, by children: neither boto3 nor logs enter the worker.

    Args:
        children: do the copying.
        attempt_dir: the attempt's folder.
        interval: seconds between two rounds.
        storage: the run's store.
    """

    def __init__(
        self, children: ChildPool, attempt_dir: Path, interval: float, storage: str
    ) -> None:
        self._storage = storage
        self._children = children
        self._attempt_dir = attempt_dir
        self._interval = interval
        self._due = time.monotonic() + interval
        self._round: threading.Thread | None = None

    def tick(self) -> None:
        """Begin a round if one is due and there is something to copy; returns at once."""
        if time.monotonic() < self._due or (self._round and self._round.is_alive()):
            return
        self._due = time.monotonic() + self._interval
        self._begin_round()

    def hurry(self, seconds: float) -> None:
        """Copy what has not been copied, waiting for it at most so many seconds."""
        if self._round:
            self._round.join(seconds)
        if self._round is None or not self._round.is_alive():
            self._begin_round()
            if self._round:
                self._round.join(seconds)

    def _begin_round(self) -> None:
        if not_uploaded(self._attempt_dir):
            self._round = threading.Thread(target=self._ship, name="shipping", daemon=True)
            self._round.start()

    def finish(self) -> None:
        """Copy what has not been copied; the attempt is over and adds nothing more."""
        if self._round:
            self._round.join()
        if not_uploaded(self._attempt_dir):
            self._ship()

    def _ship(self) -> None:
        began = time.monotonic()
        try:
            job = UploadLogsJob(str(self._attempt_dir), self._storage)
            self._children.ask(job, timeout=_LIMIT, subject="copying logs")
        except DatanectarError as problem:
            log.warning("%s: logs could not be copied: %s", self._attempt_dir.name, problem.message)
        now = time.monotonic()
        self._due = now + max(self._interval, _PAUSE_FACTOR * (now - began))
