"""Graphs before any run, as their drawing takes them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

from datanectar.keys import run_time_text
from datanectar.messages import ChainDescription
from datanectar.messages.pages import Outline, OutlineJob, OutlineTask
from datanectar.runs.records import TaskRow
from datanectar.service.service import Service
from datanectar.statuses import DONE, PENDING
from datanectar.views.background import Background


class Outlines:
    """Works out graphs.

    Args:
        service: whose children do it.
    """

    def __init__(self, service: Service) -> None:
        self._background: Background[Outline] = Background(service)

    def soon(self, chain: ChainDescription, task: str, raw: Mapping[str, Any]) -> Outline | None:
        """Return what a request would run; None while that is still being worked out.

        Raises:
            DatanectarError: saying why it can't be worked out.
        """
        job = OutlineJob(chain.type, chain.name, task, dict(raw), run_time_text(None))
        return self._background.soon(chain, job)


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
