"""``/runs/<id>``: one run, and the buttons for it."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import urlencode

from flask import Blueprint, Response, redirect, request, url_for

from datanectar.errors import BadRequest, ChainError, DatanectarError, KeyUndefined
from datanectar.http import links
from datanectar.http.serializers import failed_log_url
from datanectar.keys import LOG_FILE, Key, parse_key
from datanectar.runs.records import Run, TaskRow
from datanectar.service.rerun import refuse_if_lost, request_params, rerun, run_date
from datanectar.service.results import Found
from datanectar.service.service import Service
from datanectar.statuses import ACTIVE, CANCELLED, DONE, FAILED, RUNNING
from datanectar.views.catalogue.tasks import show, start
from datanectar.views.graph import drawing
from datanectar.views.pages import page
from datanectar.views.results.page import result_values
from datanectar.views.runs import timeline

_KEPT_LOG = re.compile(re.escape(LOG_FILE) + r"\.(\d{1,5})\Z")


def blueprint(service: Service) -> Blueprint:
    """Return the page of a run, the part of it that changes, and the targets of its buttons."""
    routes = Blueprint("runs_page", __name__, url_prefix="/runs/<run_id>")

    @routes.get("")
    def run(run_id: str) -> Response:
        values = run_values(service, service.run(run_id))
        earlier = _earlier_logs(service, values["run"], parse_key(values["log"]["key"]))
        there = request.args.get("there")
        return page("run.html", there=there, earlier_logs=earlier, **values)

    @routes.get("/live")
    def live(run_id: str) -> Response:
        return page("run_live.html", **run_values(service, service.run(run_id)))

    @routes.post("/cancel")
    def cancel(run_id: str) -> Response:
        service.cancel(run_id)
        return _redirect_to(run_id)

    @routes.post("/again")
    def again(run_id: str) -> Response:
        return _run_again(service, service.run(run_id))

    @routes.post("/rerun", endpoint="rerun")
    def make_again(run_id: str) -> Response:
        return _make_again(
            service, service.run(run_id), upstream=bool(request.form.get("upstream"))
        )

    @routes.post("/drop")
    def drop(run_id: str) -> Response:
        service.drop(parse_key(service.run(run_id).key))
        return _redirect_to(run_id)

    return routes


def _run_again(service: Service, run: Run) -> Response:
    task = (service, run.type, run.chain, run.task)
    try:
        refuse_if_lost(run)
    except BadRequest as problem:  # without them it would be another run: the form asks for them
        return show(*task, typed=request_params(run), problem=problem)
    return start(*task, request_params(run), at=run_date(run))


def _make_again(service: Service, run: Run, *, upstream: bool) -> Response:
    try:
        again = rerun(service, run.id, force=True, upstream=upstream, trigger="page")
    except (BadRequest, ChainError, KeyUndefined) as problem:
        task = (service, run.type, run.chain, run.task)
        return show(*task, typed=request_params(run), problem=problem)
    accepted = again.accepted
    return _redirect_to(accepted.run.id if accepted.run else run.id)


def _redirect_to(run_id: str) -> Response:
    return redirect(url_for("runs_page.run", run_id=run_id), 303)  # type: ignore[return-value]


def run_values(service: Service, run: Run) -> dict[str, Any]:
    """Return what the run's page shows."""
    key = parse_key(run.key)
    tasks = service.tasks(run)
    own = next((task for task in tasks if task.task_id == run.task_id), None)
    shown = request.args.get("graph")
    by_family = shown == "families" or (shown != "tasks" and len(tasks) > drawing.COMFORTABLE)
    found, problem = _found(service, run, own)
    return {
        "run": run,
        "key": key,
        "own": own,
        "counts": _counts(tasks),
        "tasks": tasks,
        "drawing": drawing.draw(tasks, by_family=by_family),
        "rows": timeline.rows(run, tasks),
        "is_active": run.status in ACTIVE,
        "progress": _progress(run, own, tasks),
        "results": result_values(key, found.files, run.public_params),
        "is_missing": found.missing,
        "missing_words": problem or found.note,
        "log": _log(run, key, tasks),
        "luigid_up": service.luigid.is_up(),
        "luigid_graph": service.luigid.graph_url(run.type, run.chain, run.task_id),
        "change_url": _form_url(run),
        "failed_log": failed_log_url(run),
        "later": _later(service, run),
        "box": (drawing.WIDTH, drawing.HEIGHT),
        "task_name": drawing.task_name,
        "parameters_of": drawing.parameters_of,
    }


def _form_url(run: Run) -> str:
    """Return the address of the task's form, filled in as it was for this run."""
    path = f"/chains/{run.type}/{run.chain}/{run.task}"
    values = urlencode(run.public_params, errors="replace")  # a default need not be UTF-8 text
    return f"{path}?{values}" if values else path


def _counts(tasks: list[TaskRow]) -> dict[str, int]:
    counts: dict[str, int] = {}
    for task in tasks:
        counts[task.status] = counts.get(task.status, 0) + 1
    return counts


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


def _log(run: Run, key: Key, tasks: list[TaskRow]) -> dict[str, str]:
    """Return the log that is shown first: the requested one, else the failed task's, else the root's."""
    by_id = {task.task_id: task for task in tasks}
    task = by_id.get(request.args.get("task", ""))
    if task is None and run.status == FAILED and run.failed_key:
        task = next((one for one in tasks if one.key == run.failed_key), None)
    if task is None or task.key is None:
        return {"key": str(key), "name": run.task, "url": links.log_url(str(key), None, run.id)}
    return {
        "key": task.key,
        "name": f"{drawing.task_name(task)} {drawing.parameters_of(task)}".strip(),
        "url": links.log_url(task.key, None, run.id),
    }


def _later(service: Service, run: Run) -> Run | None:
    """Return the latest run of the key if this one failed or was cancelled and is not the latest."""
    latest = service.store.latest(run.key) if run.status in (FAILED, CANCELLED) else None
    return latest if latest is not None and latest.id != run.id else None


def _earlier_logs(service: Service, run: Run, key: Key) -> list[int]:
    """Return the numbers of the logs of attempts before this run, the latest first."""
    own = service.store.log_number(run.id, str(key))
    try:
        files = service.storage_of(key).list_files(key)
    except DatanectarError:
        return []
    found = (_KEPT_LOG.match(file.name) for file in files)
    numbers = sorted((int(match[1]) for match in found if match), reverse=True)
    return [number for number in numbers if own is None or number < own]
