"""A run in a terminal: its log as it is written, its tasks as they begin and end, and how it ended."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable
from typing import Any

from datanectar.cli.runs.display import Display
from datanectar.client import Client
from datanectar.errors import DatanectarError, Unavailable
from datanectar.statuses import DONE, ENDED, RUNNING

#: Seconds between two looks at a run's tasks; longer where a look takes long.
_LOOK = 0.5
#: The most of a line without an end, in characters, that is held back until its end comes.
_LONGEST_LINE = 4096
#: How many lines of a failed task's log are shown, and in how many bytes at its end they are sought.
_LAST_LINES, _TAIL = 20, 16_384


def follow(client: Client, key: str, display: Display) -> dict[str, Any]:
    """Show a run until it has ended.

    Args:
        client: for the app that it runs on.
        key: its key, with the result's file if that has another name than most.
        display: where it is shown.

    Returns:
        The status at the end.
    """
    lines, ended = _Lines(display.say), threading.Event()
    arguments = (client, key, display, lines, ended)
    watch = threading.Thread(target=_watch_tasks, args=arguments, daemon=True)
    watch.start()
    with contextlib.suppress(Unavailable):  # too many follow logs; the run goes on all the same
        for piece in client.follow(key):
            lines.write(piece)
    status = client.wait(key)
    ended.set()
    watch.join()
    lines.flush()
    return status


def ending(client: Client, status: dict[str, Any]) -> list[str]:
    """Return the lines that say how a run ended: where it failed, why, and where to read on.

    Args:
        client: for the app that it ran on.
        status: its status.
    """
    page = f"{client.url}/runs/{status['run_id']}" if status["run_id"] else None
    if status["job_status"] == DONE:
        nothing = "" if addresses(status) else " without a result of its own"
        return [f"DONE{nothing}", *_named(("run", page))]
    failed = status.get("failed_key") or status["key"]
    lines = [f"{status['job_status']} {status['error'] or ''}".rstrip()]
    lines += _named(("task", _task_of(failed)))
    if failed != status["key"]:  # the root's log has been shown
        lines += [f"    {line}" for line in _last_lines(client, status, failed)]
    log = status.get("failed_log_url") or status["log_url"]
    return [
        *lines,
        *_named(
            ("log", log),
            ("run", page),
            ("read on", way_on(status["run_id"], status["key"], failed)),
        ),
    ]


def _last_lines(client: Client, status: dict[str, Any], key: str) -> list[str]:
    """Return the last lines of a task's log; of its traceback, where there is no log."""
    try:
        text = client.log(key, run=status["run_id"], tail=_TAIL)
    except DatanectarError:
        text = status["traceback"] or ""
    return text.rstrip().splitlines()[-_LAST_LINES:]


def way_on(run_id: str | None, root_key: str, key: str) -> str | None:
    """Return the command that shows the whole log of a task of a run.

    Args:
        run_id: the run; None without one.
        root_key: the key of the run's own task.
        key: that of the task.
    """
    if run_id is None:
        return None
    of_task = "" if key == root_key else f" --task {key.split('/')[3]}"
    return f"datanectar logs {run_id}{of_task}"


def addresses(status: dict[str, Any]) -> list[str]:
    """Return where the results of a run are: a URL, or what a task without one declares."""
    if status["job_status"] != DONE:
        return []
    if status["resource_url"]:
        return [status["resource_url"]]
    return [result["url"] for result in status.get("results") or ()]


class _Lines:
    """Shows whole lines, so that what two threads say does not end up in one."""

    def __init__(self, say: Callable[[str], None]) -> None:
        self._say = say
        self._lock = threading.Lock()
        self._rest = ""

    def write(self, piece: str) -> None:
        """Show what is whole of a text that goes on."""
        with self._lock:
            whole, end, self._rest = (self._rest + piece).rpartition("\n")
            if len(self._rest) > _LONGEST_LINE:
                whole, end, self._rest = whole + end, self._rest, ""
            if whole or end:
                self._say(whole + end)

    def line(self, text: str) -> None:
        """Print a line of this command, not of the log."""
        with self._lock:
            self._say(f"{text}\n")

    def flush(self) -> None:
        """Show what is left of a text that has ended without a line end, and end the line."""
        with self._lock:
            if self._rest:
                self._say(f"{self._rest}\n")
                self._rest = ""


def _watch_tasks(
    client: Client, key: str, display: Display, lines: _Lines, ended: threading.Event
) -> None:
    shown: dict[str, str] = {}
    is_last = False
    while not is_last:
        is_last = ended.is_set()  # asked before looking: nothing is missed
        began = time.monotonic()
        with contextlib.suppress(DatanectarError):
            nodes = client.graph(key)["nodes"]
            display.show(nodes)
            for line in _news(nodes, shown, key):
                lines.line(line)
        ended.wait(max(_LOOK, 5 * (time.monotonic() - began)))


def _news(nodes: list[dict[str, Any]], shown: dict[str, str], key: str) -> list[str]:
    """Return a line for each task that has begun or ended since ``shown``; nothing for a lone task."""
    if len(nodes) < 2:
        return []
    news = []
    for node in sorted(nodes, key=_moment):
        status = node["status"]
        if status != shown.get(node["id"]) and status in (RUNNING, *ENDED):
            shown[node["id"]] = status
            ended = sum(status in ENDED for status in shown.values())
            name = node["family"].rpartition(".")[2]
            # The log of the run's own task is shown as it is.
            followed = node["key"] is not None and key.startswith(node["key"])
            log = f"  {node['log_url']}" if node["log_url"] and not followed else ""
            news.append(f"[{ended}/{len(nodes)}] {status} {name}{log if status in ENDED else ''}")
    return news


def _moment(node: dict[str, Any]) -> tuple[bool, str]:
    """Return what tells the order in which tasks ended, and then that in which they began."""
    has_ended = node["status"] in ENDED
    return not has_ended, (node["finished"] if has_ended else node["started"]) or ""


def _named(*found: tuple[str, str | None]) -> list[str]:
    return [f"  {name}: {address}" for name, address in found if address]


def _task_of(key: str) -> str:
    return "/".join(key.split("/")[1:4])
