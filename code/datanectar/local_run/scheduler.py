"""Luigi's scheduler in the process of the run, in place of luigid."""

from __future__ import annotations

import json
import threading
from typing import Any
from urllib.parse import urlsplit

from luigi.scheduler import Scheduler


class InProcessScheduler:
    """Takes the place of a run's connection to luigid (:mod:`datanectar.rpc.wire.connection`).

    Calls and results go through JSON, as over HTTP: a run behaves as it does in the service.
    """

    #: The errors that mean an outage, of which there is none here.
    raises = (OSError,)

    def __init__(self) -> None:
        # As ``luigid.cfg`` sets it up: what is tried again is for the run to say.
        self._scheduler: Any = Scheduler(retry_count=1, record_task_history=False)
        self._lock = threading.Lock()  # the thread that pings calls as well

    def is_our_luigid(self) -> bool:
        """Return False: this is Luigi's scheduler as it comes."""
        return False

    def fetch(self, full_url: str, body: dict[str, str], timeout: float) -> str:
        """Return the body of the response to an RPC, as luigid would send it."""
        method = urlsplit(full_url).path.rpartition("/")[2]
        with self._lock:
            response = getattr(self._scheduler, method)(**json.loads(body["data"]))
        return json.dumps({"response": response})

    def send(self, full_url: str, body: dict[str, str], timeout: float) -> None:
        """Make a call of which the response does not matter."""
        self.fetch(full_url, body, timeout)

    def push(self, timeout: float) -> None:
        """Do nothing: no call is kept."""

    def flush(self, timeout: float) -> None:
        """Return at once: every call is done by now."""

    def close(self) -> None:
        """Do nothing: there is no connection."""
