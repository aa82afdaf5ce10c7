"""Graphs before any run: worked out by children, in the background, and kept for a moment."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as TookTooLong
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

from datanectar.keys import run_time_text
from datanectar.messages import ChainDescription
from datanectar.messages.pages import Outline, OutlineJob, OutlineTask
from datanectar.runs.records import TaskRow
from datanectar.service.service import Service
from datanectar.statuses import DONE, PENDING

#: Seconds that a page waits for a graph, that a child may take for it, and that it is kept.
_PATIENCE, _TIMEOUT, _KEPT = 0.3, 10.0, 20.0
_MOST_KEPT = 100


@dataclass
class _Entry:
    future: Future[Outline]
    begun: float = field(default_factory=time.monotonic)


class Outlines:
    """Works out graphs.

    Args:
        service: whose children do it.
    """

    def __init__(self, service: Service) -> None:
        self._service = service
        self._threads = ThreadPoolExecutor(max_workers=2, thread_name_prefix="outlines")
        self._lock = threading.Lock()
        self._entries: dict[str, _Entry] = {}

    def soon(self, chain: ChainDescription, task: str, raw: Mapping[str, Any]) -> Outline | None:
        """Return what a request would run; None while that is still being worked out.

        Raises:
            DatanectarError: saying why it can't be worked out.
        """
        job = OutlineJob(chain.type, chain.name, task, dict(raw), run_time_text(None))
        name = json.dumps([chain.sources, chain.type, chain.name, task, job.raw], default=str)
        with self._lock:
            entry = self._entries.get(name)
            if entry is None or (entry.begun < time.monotonic() - _KEPT and entry.future.done()):
                entry = self._begin(name, job)
        try:
            return entry.future.result(_PATIENCE)
        except TookTooLong:
            return None

    def _begin(self, name: str, job: OutlineJob) -> _Entry:
        if len(self._entries) >= _MOST_KEPT:
            self._entries = {
                name: entry for name, entry in self._entries.items() if not entry.future.done()
            }
        entry = self._entries[name] = _Entry(self._threads.submit(self._ask, job))
        return entry

    def _ask(self, job: OutlineJob) -> Outline:
        outline: Outline = self._service.children.ask(
            job, timeout=_TIMEOUT, subject=f"{job.type}/{job.chain}"
        )
        return outline


def task_rows(outline: Outline) -> list[TaskRow]:
    """Return the tasks of an outline as a drawing takes them."""
    known = {task.task_id for task in outline.tasks}
    return [
        TaskRow(
            "",
            task.task_id,
            key=task.key,
            family=task.family,
            status=DONE if task.complete else PENDING,
            requires=[id for id in task.requires if id in known],
            params=task.params,
        )
        for task in outline.tasks
    ]


def address(task: OutlineTask) -> str | None:
    """Return where a box of the drawing leads: to the result that is there, else to the task's form."""
    if task.key is None:
        return None
    if task.complete:
        return f"/results/{task.key.removeprefix('chains/')}"
    path = "/".join(task.key.split("/")[:4])
    return f"/{path}?{urlencode(task.params, errors='replace')}"
