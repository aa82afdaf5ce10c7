"""What the page of a run shows."""

from __future__ import annotations

import re
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from datanectar.errors import DatanectarError
from datanectar.http import links
from datanectar.http.serializers import failed_log_url
from datanectar.keys import LOG_FILE, Key, parse_key
from datanectar.runs.records import Run, TaskRow
from datanectar.service.results import Found
from datanectar.service.service import Service
from datanectar.statuses import ACTIVE, CANCELLED, DONE, FAILED, RUNNING
from datanectar.views.graph import drawing
from datanectar.views.results.page import result_values
from datanectar.views.runs.critical_path import critical_path
from datanectar.views.runs.task_list import task_list

#: What the query of a run's page may name.
ASKED = ("task", "status", "family", "words", "sort", "page", "graph", "open")
#: Seconds for which luigid remembers an ended run: ``remove_delay`` in ``luigid/luigid.cfg``.
_KNOWN_TO_LUIGID = 120.0
_KEPT_LOG = re.compile(re.escape(LOG_FILE) + r"\.(\d{1,5})\Z")


@dataclass(frozen=True)
class RunState:
    """What a run's page is about: when it is equal, nothing has changed."""

    run: Run
    tasks: list[TaskRow]
    luigid_up: bool
    later: Run | None

    @property
    def is_over(self) -> bool:
        """Whether nothing of it will change by itself."""
        return self.run.status not in ACTIVE


def look(service: Service, run_id: str) -> RunState:
    """Return what a run's page is about now.

    Raises:
        NotFound: when there is no such run.
    """
    run = service.run(run_id)
    return RunState(run, service.tasks(run), service.luigid.is_up(), _later(service, run))


def run_values(service: Service, state: RunState, asked: Mapping[str, str]) -> dict[str, Any]:
    """Return what the templates of the run's page show; ``asked`` has what :data:`ASKED` names."""
    run, tasks = state.run, state.tasks
    key = parse_key(run.key)
    own = next((task for task in tasks if task.task_id == run.task_id), None)
    found, problem = _found(service, run, own)
    critical = critical_path(tasks, run.task_id) if state.is_over else frozenset()
    return {
        "run": run,
        "key": key,
        "own": own,
        "asked": {name: asked[name] for name in ASKED if asked.get(name)},
        "tasks": tasks,
        "drawing": _drawing(tasks, asked, critical),
        "critical": critical,
        "list": task_list(run, tasks, asked),
        "is_active": not state.is_over,
        "progress": _progress(run, own, tasks),
        "results": result_values(key, found.files, run.public_params),
        "is_missing": found.missing,
        "missing_words": problem or found.note,
        "selected": selected(run, tasks, asked.get("task", "")),
        "luigid_up": state.luigid_up,
        "luigid_graph": _luigid_graph(service, state),
        "change_url": _form_url(run),
        "failed_log": failed_log_url(run),
        "later": state.later,
        "box": (drawing.WIDTH, drawing.HEIGHT),
        "task_name": drawing.task_name,
        "parameters_of": drawing.parameters_of,
        "view": _address_of(run, asked),
    }


def _address_of(run: Run, asked: Mapping[str, str]) -> Any:
    """Return the function that makes an address of this page, with changes of what is asked."""
    kept = {name: asked[name] for name in ASKED if asked.get(name)}

    def view(**changes: Any) -> str:
        values = {name: value for name, value in {**kept, **changes}.items() if value}
        query = urlencode(values, errors="replace")
        return f"/runs/{run.id}?{query}" if query else f"/runs/{run.id}"

    return view


def _drawing(
    tasks: list[TaskRow], asked: Mapping[str, str], critical: frozenset[str]
) -> drawing.Drawing:
    shown = asked.get("graph")
    by_family = shown == "families" or (shown != "tasks" and len(tasks) > drawing.COMFORTABLE)
    opened = frozenset(filter(None, [asked.get("open")]))
    return drawing.draw(tasks, by_family=by_family, opened=opened, critical=critical)


def _luigid_graph(service: Service, state: RunState) -> str:
    """Return the address of luigid's own drawing, as long as luigid knows the run."""
    run = state.run
    is_known = not state.is_over or time.time() - (run.finished or 0.0) < _KNOWN_TO_LUIGID
    return (
        service.luigid.graph_url(run.type, run.chain, run.task_id)
        if is_known and state.luigid_up
        else ""
    )


def _form_url(run: Run) -> str:
    """Return the address of the task's form, filled in as it was for this run."""
    path = f"/chains/{run.type}/{run.chain}/{run.task}"
    values = urlencode(run.public_params, errors="replace")  # a default need not be UTF-8 text
    return f"{path}?{values}" if values else path


def _progress(run: Run, own: TaskRow | None, tasks: list[TaskRow]) -> int:
    """Return percent: what the task itself reports, else the share of tasks that are done."""
    if run.status == DONE:
        return 100
    if own is not None and own.status == RUNNING and own.progress is not None:
        return own.progress
    done = sum(1 for task in tasks if task.status == DONE)
    return 100 * done // len(tasks) if tasks else 0


def _found(service: Service, run: Run, own: TaskRow | None) -> tuple[Found, str | None]:
    """Return what is there of the run's result, and the message of a store that can't be reached."""
    if run.status != DONE:
        return Found(run.storage), None
    try:
        return service.results.of_run(run, own), None
    except DatanectarError as problem:
        return Found(run.storage, missing=True), problem.message


@dataclass(frozen=True)
class Selected:
    """The task whose log is shown; ``task`` is None when none of the run's is known yet."""

    key: str
    name: str
    params: str
    task: TaskRow | None
    log_url: str


def selected(run: Run, tasks: list[TaskRow], asked: str) -> Selected:
    """Return the task that is asked for by its id, else the one that failed, else the root."""
    by_id = {task.task_id: task for task in tasks if task.key}
    task = by_id.get(asked)
    if task is None and run.status == FAILED and run.failed_key:
        task = next((one for one in tasks if one.key == run.failed_key), None)
    task = task or by_id.get(run.task_id)
    if task is None or task.key is None:
        return Selected(run.key, run.task, "", None, links.log_url(run.key, None, run.id))
    name, params = drawing.task_name(task), drawing.parameters_of(task)
    return Selected(task.key, name, params, task, links.log_url(task.key, None, run.id))


def _later(service: Service, run: Run) -> Run | None:
    """Return the latest run of the key if this one failed or was cancelled and is not the latest."""
    latest = service.store.latest(run.key) if run.status in (FAILED, CANCELLED) else None
    return latest if latest is not None and latest.id != run.id else None


def earlier_logs(service: Service, run: Run, key: Key) -> list[int]:
    """Return the numbers of the logs of attempts before this run, the latest first."""
    own = service.store.log_number(run.id, str(key))
    try:
        files = service.storage_of(key).list_files(key)
    except DatanectarError:
        return []
    found = (_KEPT_LOG.match(file.name) for file in files)
    numbers = sorted((int(match[1]) for match in found if match), reverse=True)
    return [number for number in numbers if own is None or number < own]
