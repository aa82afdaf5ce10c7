"""Builds one task in a fresh process: ``python build_task.py <module> <Task> <JSON of parameters>``.

The last line printed is a JSON object that tells what happened. Modules named in ``MISSING`` can't
be imported, as if they were not installed.
"""

from __future__ import annotations

import json
import os
import sys
from importlib import import_module
from typing import Any

import luigi
from luigi.execution_summary import LuigiStatusCode
from luigi.interface import _WorkerSchedulerFactory
from luigi.scheduler import Scheduler

started: list[str] = []
errors: list[str] = []


class KeptScheduler(_WorkerSchedulerFactory):
    """Luigi's local scheduler, kept so that it can be asked afterwards."""

    def __init__(self) -> None:
        self.scheduler = Scheduler()

    def create_local_scheduler(self) -> Scheduler:
        return self.scheduler


@luigi.Task.event_handler(luigi.Event.START)
def note_start(task: luigi.Task) -> None:
    started.append(type(task).__name__)


@luigi.Task.event_handler(luigi.Event.FAILURE)
def note_failure(task: luigi.Task, error: Exception) -> None:
    errors.append(f"{type(task).__name__}: {error}")


def build(module: str, name: str, params: dict[str, str]) -> dict[str, Any]:
    task = getattr(import_module(f"chains.{module}"), name).from_str_params(params)
    kept = KeptScheduler()
    result = luigi.build(
        [task],
        worker_scheduler_factory=kept,
        local_scheduler=True,
        detailed_summary=True,
        log_level="WARNING",
    )
    missing = result.status == LuigiStatusCode.MISSING_EXT
    return {
        "complete": task.complete(),
        "path": getattr(task.output(), "path", None),
        "target": task.key.file(task.output_name) if hasattr(task, "key") else None,
        "started": started,
        "errors": errors,
        "missing_external": missing,
        "progress": kept.scheduler.get_task_progress_percentage(task.task_id),
        "message": kept.scheduler.get_task_status_message(task.task_id),
    }


if __name__ == "__main__":
    for absent in os.environ.get("MISSING", "").split():
        sys.modules[absent] = None  # type: ignore[assignment]
    print(json.dumps(build(sys.argv[1], sys.argv[2], json.loads(sys.argv[3]))))
