"""Uploads the logs of an attempt: while the run goes on, and the rest at its end."""

from __future__ import annotations

import logging
import threading
import time
from pathlib import Path

from datanectar.attempt_files import not_uploaded
from datanectar.child_pool import ChildPool
from datanectar.errors import DatanectarError
from datanectar.messages import UploadLogsJob

log = logging.getLogger(__name__)

#: Seconds that one upload may take.
_LIMIT = 600.0
#: S3 can't append: each upload copies a log whole. The pause before the next one is at least so
#: many times as long as the last one took.
_PAUSE_FACTOR = 10


class LogUploader:
    """Uploads the logs of one attempt, by children: neither boto3 nor logs enter the worker.

    Args:
        children: do the copying.
        attempt_dir: the attempt's folder.
        interval: seconds between two uploads.
        storage: the run's store.
    """

    def __init__(
        self, children: ChildPool, attempt_dir: Path, interval: float, storage: str
    ) -> None:
        self._children = children
        self._job = UploadLogsJob(str(attempt_dir), storage)
        self._attempt_dir = attempt_dir
        self._interval = interval
        self._due = time.monotonic() + interval
        self._thread: threading.Thread | None = None

    def upload_if_due(self) -> None:
        """Start an upload if one is due and there is something to copy; returns at once."""
        if time.monotonic() >= self._due and not (self._thread and self._thread.is_alive()):
            self._due = time.monotonic() + self._interval
            self._start()

    def upload_now(self, seconds: float) -> None:
        """Upload what has not been copied; wait for it at most so many seconds."""
        if self._thread:
            self._thread.join(seconds)
        if self._thread is None or not self._thread.is_alive():
            self._start()
            if self._thread:
                self._thread.join(seconds)

    def finish(self) -> None:
        """Upload what has not been copied and wait for it: the attempt writes nothing more."""
        if self._thread:
            self._thread.join()
        if not_uploaded(self._attempt_dir):
            self._upload()

    def _start(self) -> None:
        if not_uploaded(self._attempt_dir):
            self._thread = threading.Thread(target=self._upload, name="log upload", daemon=True)
            self._thread.start()

    def _upload(self) -> None:
        began = time.monotonic()
        try:
            self._children.ask(self._job, timeout=_LIMIT, subject="copying logs")
        except DatanectarError as problem:
            log.warning("%s: logs could not be copied: %s", self._attempt_dir.name, problem.message)
        now = time.monotonic()
        self._due = now + max(self._interval, _PAUSE_FACTOR * (now - began))
