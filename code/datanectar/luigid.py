"""luigid as its neighbours see it: how it is started, whether it is up, and what it is told.

A run child speaks to luigid through Luigi's own client (``execution.rpc``); every other word to it
is here. Nothing here imports Luigi, so the web and the worker can use it.
"""

from __future__ import annotations

import http.client
import json
import sys
import threading
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

from datanectar.settings import Settings

#: luigid's settings for a service; the reasons stand in the file.
CONFIGURATION = Path(__file__).with_name("luigid.cfg")

#: How the reason of a task begins that has not failed, but whose process was stopped or lost.
INTERRUPTED = "interrupted: "

#: What luigid's process does. A saved state is good for one start: after a crash, an older one would
#: have it believe that tasks run which have long ended, and let runs wait for them. What it is told to
#: allow to other origins is read once: for each call, as Luigi does it (luigi/server.py
#: ``RPCHandler.__init__``), that is half of a call's time. And a line a call would fill the disk.
_PROGRAM = """
from datanectar.lifeline import die_with_parent

die_with_parent()

import logging
from pathlib import Path

from luigi import server
from luigi.cmdline import luigid
from luigi.scheduler import SimpleTaskState


def load_once(state, load=SimpleTaskState.load):
    load(state)
    Path(state._state_path).unlink(missing_ok=True)


SimpleTaskState.load = load_once
cors = server.cors()
server.cors = lambda: cors
logging.getLogger("tornado.access").setLevel(logging.WARNING)
luigid()
"""

#: Seconds for which the answer to "is luigid up" is good.
_UP_IS_GOOD_FOR = 1.0


def command(settings: Settings) -> list[str]:
    """Return the command that starts luigid where the settings say it is, on loopback only."""
    parts = urlsplit(settings.luigid_url)
    return [
        sys.executable,
        "-c",
        _PROGRAM,
        "--address",
        parts.hostname or "127.0.0.1",
        "--port",
        str(parts.port or 8082),
        "--state-path",
        str(settings.state / "luigid.pickle").replace("%", "%%"),  # luigid makes it a setting
    ]


def worker_id(run_id: str, member: int = 0) -> str:
    """Return the id that a run's Luigi worker goes by.

    A function of the run, so that a later attempt, or a canceller, can speak for a dead worker at
    once (luigi/scheduler.py ``add_task``: who names ``worker_running`` is believed).
    """
    return f"run-{run_id}" if member == 0 else f"run-{run_id}-{member}"


class Luigid:
    """A luigid at an address.

    Args:
        url: the address, e.g. ``http://127.0.0.1:8082``.
        timeout: seconds that it may take to answer.
    """

    def __init__(self, url: str, timeout: float = 2.0) -> None:
        self.url = url.rstrip("/")
        self._timeout = timeout
        self._lock = threading.Lock()
        self._asked_at = float("-inf")
        self._was_up = False

    def is_up(self) -> bool:
        """Tell whether luigid answers; ``HEAD /`` touches nothing there. Good for a second."""
        with self._lock:
            if time.monotonic() - self._asked_at > _UP_IS_GOOD_FOR:
                self._was_up = self._answers()
                self._asked_at = time.monotonic()
            return self._was_up

    def _answers(self) -> bool:
        parts = urlsplit(self.url)
        connection = http.client.HTTPConnection(
            parts.hostname or "127.0.0.1", parts.port or 80, timeout=self._timeout
        )
        try:
            connection.request("HEAD", "/")
            return connection.getresponse().status < 500
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()

    def call(self, method: str, **arguments: Any) -> Any:
        """Return luigid's answer to an RPC (luigi/scheduler.py, the methods with ``@rpc_method``).

        Raises:
            OSError: when luigid can't be reached or refuses.
        """
        body = urlencode({"data": json.dumps(arguments)}).encode()
        request = urllib.request.Request(f"{self.url}/api/{method}", body)  # noqa: S310
        with urllib.request.urlopen(request, timeout=self._timeout) as response:  # noqa: S310
            return json.load(response)["response"]

    def end_worker(self, worker: str, why: str) -> None:
        """Say in a dead worker's name that what it ran has ended, so that nobody waits for it.

        luigid is asked what that is: a process killed just after it was given a task could tell
        nobody else.

        Raises:
            OSError: when luigid can't be reached or refuses.
        """
        running = self.call("task_list", status="RUNNING", upstream_status="")
        for task_id, task in running.items():
            if task.get("worker_running") == worker:
                self.call(
                    "add_task",
                    worker=worker,
                    task_id=task_id,
                    status="FAILED",
                    runnable=False,
                    expl=json.dumps(f"{INTERRUPTED}{why}"),
                )

    def graph_url(self, task_id: str) -> str:
        """Return the address of the task's graph on luigid's own page."""
        return f"{self.url}/static/visualiser/index.html#tab=graph&taskId={quote(task_id)}"
