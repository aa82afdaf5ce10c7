"""The client of luigid that the web, the worker and the command line use; it loads no Luigi.

A run child uses Luigi's own client instead (``datanectar.rpc``).
"""

from __future__ import annotations

import http.client
import json
import threading
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

from datanectar.errors import SchedulerError
from datanectar.luigid.access_token import token_for
from datanectar.luigid.address import full_url, not_luigid
from datanectar.luigid.names import INTERRUPTED, luigid_name
from datanectar.telemetry.counts import LUIGID, count_error

#: Seconds for which :meth:`Luigid.is_up` keeps its result.
_UP_LIFETIME = 1.0


class NotLuigid(ConnectionError):
    """Raised when something else answers at luigid's address: to a caller, luigid is away."""


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    """Treats a redirect as an error."""

    def redirect_request(self, *_: Any, **__: Any) -> None:
        """Follow nothing."""


#: Uses no proxy of the environment and follows no redirect: only luigid may get the token.
_OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}), _NoRedirects)


class Luigid:
    """A luigid at an address.

    Args:
        url: the address, e.g. ``http://127.0.0.1:8082``.
        state: the folder that holds its token, if it is this project's own.
        timeout: seconds that a response may take.
    """

    def __init__(self, url: str, state: Path | None = None, timeout: float = 2.0) -> None:
        self.url = full_url(url)
        self._state = state
        self._timeout = timeout
        self._lock = threading.Lock()
        self._checked_at = float("-inf")
        self._was_up = False

    def is_up(self) -> bool:
        """Tell whether luigid, and nothing else, answers there. The result is kept for a second."""
        with self._lock:
            if time.monotonic() - self._checked_at > _UP_LIFETIME:
                try:
                    self._was_up = self.check()
                except SchedulerError:
                    self._was_up = False
                self._checked_at = time.monotonic()
            return self._was_up

    def check(self) -> bool:
        """Tell whether luigid answers; False when nothing does.

        Raises:
            SchedulerError: when something else does.
        """
        try:
            reply = self.call("is_paused")
        except urllib.error.HTTPError as problem:
            with problem:
                what = f"{problem.code} {problem.reason}"
            raise SchedulerError(not_luigid(self.url, what)) from problem
        except NotLuigid as problem:
            raise SchedulerError(str(problem)) from problem
        except OSError:
            return False
        if not isinstance(reply, dict) or "paused" not in reply:
            raise SchedulerError(str(self._not_luigid()))
        return True

    def accepts_changes(self) -> bool:
        """Tell whether luigid lets us change something; another project's luigid does not."""
        try:
            self.call("forgive_failures", task_id="")  # no task has this id: nothing changes
        except OSError:
            return False
        return True

    def call(self, method: str, **arguments: Any) -> Any:
        """Return luigid's reply to an RPC (luigi/scheduler.py, the methods with ``@rpc_method``).

        Raises:
            OSError: when luigid can't be reached or refuses; NotLuigid when something else answers.
        """
        body = urlencode({"data": json.dumps(arguments)}).encode()
        token = token_for(self.url, self._state) if self._state else None
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        request = urllib.request.Request(f"{self.url}/api/{method}", body, headers)  # noqa: S310
        try:
            with _OPENER.open(request, timeout=self._timeout) as response:
                return json.load(response)["response"]
        except OSError as problem:
            count_error(LUIGID, problem)
            raise
        except http.client.IncompleteRead as problem:  # luigid went away while it answered
            count_error(LUIGID, problem)
            raise ConnectionError(f"{self.url} did not end its answer") from problem
        except (ValueError, LookupError, TypeError, http.client.HTTPException) as problem:
            count_error(LUIGID, "NotLuigid")
            raise self._not_luigid() from problem

    def _not_luigid(self) -> NotLuigid:
        return NotLuigid(not_luigid(self.url, "it does not speak as luigid"))

    def end_worker(self, worker: str, reason: str) -> None:
        """Report, in a dead worker's name, that its running tasks have ended: no run waits for them.

        luigid is asked which tasks these are: a process that was killed right after it got a task
        could tell nobody else. Tasks that it got as one batch are BATCH_RUNNING.

        Args:
            worker: the worker's id, of :func:`datanectar.luigid.names.worker_id`.
            reason: why they ended.

        Raises:
            OSError: when luigid can't be reached or refuses.
        """
        explanation = json.dumps(f"{INTERRUPTED}{reason}")
        ended = {"status": "FAILED", "runnable": False, "expl": explanation}
        for status in ("RUNNING", "BATCH_RUNNING"):
            running = self.call("task_list", status=status, upstream_status="")
            if not isinstance(running, dict):
                raise self._not_luigid()
            for task_id, task in running.items():
                if isinstance(task, dict) and task.get("worker_running") == worker:
                    self.call("add_task", worker=worker, task_id=task_id, **ended)

    def graph_url(self, type: str, chain: str, task_id: str) -> str:
        """Return the address of a task's graph on luigid's own page."""
        name = quote(luigid_name(type, chain, task_id))
        return f"{self.url}/static/visualiser/index.html#tab=graph&taskId={name}"
