"""The status of a key: what its runs say, and whether its result is there.

The API, the pages and the command line all ask here, so that they give the same answer.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from datanectar.errors import NotFound
from datanectar.keys import Key
from datanectar.runs.records import Run, TaskRow
from datanectar.service.result_file import ResultFile
from datanectar.service.results import Found, Results, place_of_task
from datanectar.statuses import ACTIVE, DONE, FAILED, UNKNOWN

DROPPED = "the result is not there any more; POST the task to make it again"


@dataclass(frozen=True)
class Status:
    """What is known of a key. ``run`` is the latest that had it as its root or among its tasks.

    ``file`` is the result's name under the key, empty where it lies elsewhere or there is none;
    ``results`` are the files that are there; ``scheduler`` tells whether luigid can be reached.
    """

    key: Key
    job_status: str
    file: str
    storage: str
    run: Run | None = None
    task: TaskRow | None = None
    note: str | None = None
    scheduler: str | None = None
    results: list[ResultFile] = field(default_factory=list)


def status_of(results: Results, key: Key, file: str | None) -> Status:
    """Return what is known of a key.

    Args:
        results: finds results.
        key: the key.
        file: the result's name, where no run has reported it; None: not known.

    Raises:
        NotFound: when the key was never asked for and nothing lies there.
    """
    run, task = results.run_of(key)
    if run is not None and run.key == str(key):
        return _status_of_root(results, key, run, task)
    if run is not None and task is not None:
        return _status_of_task(results, key, file, run, task)
    found = results.without_run(key, file)
    if found is None:
        raise NotFound(
            f"{key} was never asked for, and nothing lies there. POST the task to run it."
        )
    return Status(key, DONE, _name(key, found), found.storage, results=found.files)


def _status_of_root(results: Results, key: Key, run: Run, task: TaskRow | None) -> Status:
    own = task if task is not None and task.run_id == run.id else None
    found = results.of_run(run, own) if run.status == DONE else Found(run.storage)
    status, note = (UNKNOWN, found.note or DROPPED) if found.missing else (run.status, None)
    file = run.output or ""
    return Status(key, status, file, found.storage, run, own, note, results=found.files)


def _status_of_task(
    results: Results, key: Key, file: str | None, run: Run, task: TaskRow
) -> Status:
    place = place_of_task(run, task)
    has_ended = task.status in (DONE, FAILED) or (
        task.status in ACTIVE and run.status not in ACTIVE
    )
    found = results.look(key, place, file) if has_ended else Found(place.storage)
    status, note = _judge(run, task, found)
    name = _name(key, found) or place.output or ""
    return Status(key, status, name, found.storage, run, task, note, results=found.files)


def _judge(run: Run, task: TaskRow, found: Found) -> tuple[str, str | None]:
    """Return the status of a task of another key's run, and a note on it."""
    is_there = bool(found.files) and not found.missing
    if task.status == DONE:
        return (UNKNOWN, found.note or DROPPED) if found.missing else (DONE, None)
    if task.status == FAILED:
        # It failed in this run, and the result may be there all the same, made by another.
        return (DONE if is_there else FAILED), None
    if task.status in ACTIVE and run.status not in ACTIVE:
        # Its run ended without it, and another may have made the result since.
        ended = f"run {run.id} ended before this task could run"
        return (DONE, None) if is_there else (UNKNOWN, ended)
    return task.status, None


def _name(key: Key, found: Found) -> str:
    """Return the name of the one file that lies under the key, or an empty text."""
    names = [file.name for file in found.files if _lies_under(file, key)]
    return names[0] if len(names) == 1 else ""


def _lies_under(file: ResultFile, key: Key) -> bool:
    return (str(file.path) if file.path else file.object).endswith(f"{key}/{file.name}")
