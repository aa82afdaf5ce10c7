"""A task that was requested: its status, its log, its end."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

from datanectar.client.result import Result
from datanectar.errors import DatanectarError
from datanectar.statuses import ACTIVE, CANCELLED, DONE

if TYPE_CHECKING:
    from datanectar.client.client import Client

#: Seconds between two requests for a status: the first, and the longest.
_POLL, _LONGEST_POLL = 0.2, 1.0


class RunFailed(DatanectarError):
    """Raised when a run has ended without a result.

    Attributes:
        run_status: its status, as of ``GET /api/chainstatus``: ``error``, ``traceback``,
            ``failed_key``, ``failed_log_url`` and others.
        status: 409 when it was cancelled, else 422, as the API answers a POST that waits.
    """

    status = 422

    def __init__(self, run_status: dict[str, Any]) -> None:
        reason = f": {run_status['error']}" if run_status.get("error") else ""
        super().__init__(f"{run_status['key']} is {run_status['job_status']}{reason}")
        self.run_status = run_status
        if run_status["job_status"] == CANCELLED:
            self.status = 409


class Run:
    """A request for a task that the app has accepted.

    Args:
        client: for the app.
        accepted: the response to the POST.

    Attributes:
        key: the key of the result.
        run_id: the run's id; None when the result was there.
    """

    def __init__(self, client: Client, accepted: dict[str, Any]) -> None:
        self._client = client
        self._target = status_key(accepted)
        self.key: str = accepted["key"]
        self.run_id: str | None = accepted["run_id"]

    def __repr__(self) -> str:
        return f"<Run {self.run_id or 'none, the result was there'} of {self.key}>"

    @property
    def result(self) -> Result:
        """The result, which can be read once the run is done; see :meth:`wait`."""
        return Result(self._client.transport, self.status)

    def status(self) -> dict[str, Any]:
        """Return the status now, as of ``GET /api/chainstatus``."""
        return self._client.status(self._target)

    def wait(
        self,
        timeout: float | None = None,
        progress: Callable[[dict[str, Any]], None] | None = None,
    ) -> Result:
        """Return the result once the run is done.

        Args:
            timeout: seconds to wait at most; None: as long as it takes. The run goes on after it.
            progress: called with the status, at first and each time that ``job_status``,
                ``progress`` or ``status_message`` has changed.

        Raises:
            RunFailed: when the run ends otherwise: failed, cancelled, or its result has gone.
            TimeoutError: when the time is up.
        """
        status = wait_for_end(self.status, timeout, progress)
        if status["job_status"] != DONE:
            raise RunFailed(status)
        return self.result

    def log(self) -> str:
        """Return the task's log as it is now."""
        return self._client.log(self._target)

    def follow(self) -> Iterator[str]:
        """Yield the task's log as it is written, until the run has ended."""
        return self._client.follow(self._target)

    def cancel(self) -> None:
        """Stop the run, or keep it from starting; nothing is done when the result was there."""
        if self.run_id:
            self._client.cancel(self.run_id)

    def drop(self) -> list[str]:
        """Delete the result and return the names of its files; the next request makes it again."""
        return self._client.drop(self.key)


def status_key(accepted: dict[str, Any]) -> str:
    """Return the key of an accepted request, with the name of the result's file where it has one."""
    asked = parse_qs(urlsplit(accepted["status_url"]).query).get("chain")
    return asked[0] if asked else str(accepted["key"])


def wait_for_end(
    ask_status: Callable[[], dict[str, Any]],
    timeout: float | None = None,
    progress: Callable[[dict[str, Any]], None] | None = None,
) -> dict[str, Any]:
    """Return the status once it is neither pending nor running; see :meth:`Run.wait`."""
    waiting = Waiting(timeout, progress)
    while True:
        status = ask_status()
        pause = waiting.pause_after(status)
        if pause is None:
            return status
        time.sleep(pause)


class Waiting:
    """When to ask for a status again, until it is neither pending nor running.

    Args:
        timeout: seconds to wait at most; None: as long as it takes.
        progress: called with each status that has changed.
    """

    def __init__(
        self, timeout: float | None, progress: Callable[[dict[str, Any]], None] | None
    ) -> None:
        self._timeout = timeout
        self._deadline = None if timeout is None else time.monotonic() + timeout
        self._progress = progress
        self._seen: tuple[Any, ...] | None = None
        self._pause = _POLL

    def pause_after(self, status: dict[str, Any]) -> float | None:
        """Return the seconds until the status is to be asked for again; None: it has ended.

        Raises:
            TimeoutError: when the time would be up before that.
        """
        now = (status["job_status"], status["progress"], status["status_message"])
        if self._progress and now != self._seen:
            self._progress(status)
        if status["job_status"] not in ACTIVE:
            return None
        if self._deadline is not None and time.monotonic() + self._pause > self._deadline:
            raise TimeoutError(
                f"{status['key']} is {status['job_status']} still after {self._timeout:g} seconds."
            )
        self._seen, self._pause = now, min(self._pause * 1.1, _LONGEST_POLL)
        return self._pause
