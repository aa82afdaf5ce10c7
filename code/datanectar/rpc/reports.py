"""Reports to the run's parent about the tasks of the run.

Several processes of a run write into one pipe, which takes up to ``PIPE_BUF`` = 4096 bytes in one
piece (pipe(7)). Texts are cut, and lists divided among reports, so that each report is shorter.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any

import luigi

from datanectar import reasons
from datanectar.errors import DatanectarError
from datanectar.messages import TaskReport
from datanectar.rpc.run_tasks import RunTasks
from datanectar.statuses import DISABLED, DONE, FAILED, PENDING, RUNNING, UNKNOWN
from datanectar.util.identity import key_of
from datanectar.util.inputs.external import ExternalFile
from datanectar.util.result_addresses import result_addresses

#: Bytes that a text, or the ids of one report, may take as JSON.
_ERROR_BYTES, _REQUIRES_BYTES, _MESSAGE_BYTES = 1500, 1000, 1500
#: Characters of a parameter's text that are reported, and bytes of all parameters as JSON.
_PARAM_LENGTH, _PARAMS_BYTES = 60, 2500
#: Characters of the address and the stamp of a file of others, by which its readers are found.
_FILE_LENGTH = 600
#: Bytes that JSON takes for one character at most: two ``\\uXXXX``.
_LONGEST_ESCAPE = 12


class TaskReporter:
    """Sends :class:`~datanectar.messages.TaskReport` records.

    Args:
        send: takes the records for the parent.
        tasks: what the run knows of its tasks.
    """

    def __init__(self, send: Callable[[Any], None], tasks: RunTasks) -> None:
        self._send = send
        self._tasks = tasks
        self._with_key: set[str] = set()
        self._waiting: dict[str, str] = {}

    def status(self, task_id: str, status: str, call: dict[str, Any]) -> None:
        """Report a status, and what the ``add_task`` call says: family and requirements."""
        requires = [*(call.get("deps") or ()), *(call.get("new_deps") or ())]
        text = self._tasks.errors.get(task_id, "")
        first, *others = _divided(requires)
        is_first = task_id in self._tasks.by_id and task_id not in self._with_key
        key = self._first_key(task_id)
        addresses = result_addresses(self._tasks.by_id[task_id]) if key else None
        self._send(
            TaskReport(
                task_id,
                key=key,
                storage=addresses.storage if addresses else None,
                output=addresses.output if addresses else None,
                family=call.get("family"),
                status=FAILED if status in (UNKNOWN, DISABLED) else status,
                requires=first or None,
                finished=time.time() if status in (DONE, FAILED) else None,
                error=_short_reason(text) or None,
            )
        )
        if status != PENDING and text:
            traceback = _clip(reasons.traceback_in(text), tail=True)
            self._send(TaskReport(task_id, traceback=traceback))
        if is_first and (params := _shown_params(self._tasks.by_id[task_id])):
            self._send(TaskReport(task_id, params=params))
        for ids in others:
            self.requires(task_id, ids)
        for results in _divided(addresses.results) if addresses and addresses.results else []:
            self._send(TaskReport(task_id, results=results))

    def started(self, task_id: str) -> None:
        """Report that a task runs now."""
        message = "" if self._waiting.pop(task_id, None) else None
        self._send(TaskReport(task_id, status=RUNNING, started=time.time(), message=message))

    def requires(self, task_id: str, required: list[str]) -> None:
        """Report tasks that a task requires, beside those reported before."""
        self._send(TaskReport(task_id, requires=required))

    def waits(self, task_id: str, why: str) -> None:
        """Report what a task waits for, until it starts."""
        if self._waiting.get(task_id) != why:
            self._waiting[task_id] = why
            self.message(task_id, why)

    def message(self, task_id: str, message: str) -> None:
        """Report a task's status message."""
        self._send(TaskReport(task_id, message=_clip(message)))

    def progress(self, task_id: str, percentage: int) -> None:
        """Report a task's progress; beyond 0 to 100 it is cut to these."""
        self._send(TaskReport(task_id, progress=min(100, max(0, percentage))))

    def tracking_url(self, task_id: str, url: str) -> None:
        """Report where a task's work can be followed."""
        self._send(TaskReport(task_id, tracking_url=_clip(url)))

    def news(self, task_id: str, **news: Any) -> None:
        """Report fields of a task: which of its key's logs it begins, what one round of it took."""
        self._send(TaskReport(task_id, **news))

    def _first_key(self, task_id: str) -> str | None:
        """Return a task's key, once."""
        if task_id not in self._tasks.by_id or task_id in self._with_key:
            return None
        self._with_key.add(task_id)
        try:
            return str(key_of(self._tasks.by_id[task_id]))
        except DatanectarError:
            return None


def _json_bytes(text: str) -> int:
    return len(json.dumps(text))


def _clip(text: str, *, tail: bool = False) -> str:
    """Return as much of the text, from its start or its end, as takes ``_MESSAGE_BYTES`` as JSON."""
    if _json_bytes(text) <= _MESSAGE_BYTES:
        return text
    text = text[-_MESSAGE_BYTES:] if tail else text[:_MESSAGE_BYTES]
    while _json_bytes(text) > _MESSAGE_BYTES:
        spare = max(1, (_json_bytes(text) - _MESSAGE_BYTES) // _LONGEST_ESCAPE)
        text = text[spare:] if tail else text[:-spare]
    return text


def _shown_params(task: luigi.Task) -> dict[str, str]:
    """Return the first public parameters, each cut, that take ``_PARAMS_BYTES`` as JSON."""
    shown: dict[str, str] = {}
    room = _PARAMS_BYTES
    for name, text in task.to_str_params(only_public=True).items():
        is_file = isinstance(getattr(task, name, None), ExternalFile)
        longest = _FILE_LENGTH if is_file else _PARAM_LENGTH
        cut = text if len(text) <= longest else f"{text[:longest]}…"
        room -= _json_bytes(name) + _json_bytes(cut) + 4
        if room < 0:
            break
        shown[name] = cut
    return shown


def _short_reason(text: str) -> str:
    """Return the reason in a failure's text, in at most ``_ERROR_BYTES`` as JSON."""
    reason = reasons.reason_in(text)
    while _json_bytes(reason) > _ERROR_BYTES:
        reason = reasons.shortened(reason, len(reason) * 3 // 4)
    return reason


def _divided(ids: list[str]) -> list[list[str]]:
    """Return the ids in lists that take about ``_REQUIRES_BYTES`` as JSON; at least one list."""
    lists: list[list[str]] = [[]]
    room = _REQUIRES_BYTES
    for task_id in ids:
        size = _json_bytes(task_id) + 2
        if size > room and lists[-1]:
            lists.append([])
            room = _REQUIRES_BYTES
        lists[-1].append(task_id)
        room -= size
    return lists
