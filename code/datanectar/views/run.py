"""``/runs/<id>`` and ``/results/...``: one run or one result, and what can be done with it."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import urlencode

from flask import Blueprint, Response, redirect, request, url_for

from datanectar.api import links
from datanectar.api.present import failed_log_url
from datanectar.errors import DatanectarError, NotFound
from datanectar.execution.service import Service
from datanectar.keys import DEFAULT_OUTPUT, LOG_FILE, Key, parse_key
from datanectar.records import ACTIVE, CANCELLED, DONE, FAILED, RUNNING, Run, TaskRow
from datanectar.storage.select import storage_named
from datanectar.views import graph, timeline
from datanectar.views.pages import page
from datanectar.views.preview import LARGEST_PICTURE, picture_type, preview
from datanectar.views.tasks import start

_KEPT_LOG = re.compile(re.escape(LOG_FILE) + r"\.(\d{1,5})\Z")


def blueprint(service: Service) -> Blueprint:
    """Return a run's page, the parts of it that change, and the targets of its buttons."""
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
        return _back(run_id)

    @routes.post("/again")
    def again(run_id: str) -> Response:
        run = service.run(run_id)
        return start(service, run.type, run.chain, run.task, _given_again(run))

    @routes.post("/drop")
    def drop(run_id: str) -> Response:
        service.drop(parse_key(service.run(run_id).key))
        return _back(run_id)

    return routes


def _given_again(run: Run) -> dict[str, str]:
    """Return the run's parameters as a request can give them; what is no text is the default's."""
    return {name: text for name, text in run.params.items() if name.isidentifier()}


def results(service: Service) -> Blueprint:
    """Return the page of a result that no run is known to have made, and pictures of results."""
    routes = Blueprint("results", __name__)

    @routes.get("/results/<path:key>")
    def result(key: str) -> Response:
        parsed = parse_key(f"chains/{key}")
        status = service.status(parsed, request.args.get("file", DEFAULT_OUTPUT))
        if status.run is not None and status.run.key == str(parsed):
            return redirect(url_for("runs_page.run", run_id=status.run.id), 303)  # type: ignore[return-value]
        return page(
            "result.html",
            key=parsed,
            job_status=status.job_status,
            result=_result(status.storage, parsed, status.file),
        )

    @routes.get("/pictures/<path:target>")
    def picture(target: str) -> Response:
        key, _, file = target.rpartition("/")
        return _picture(service, parse_key(key), file)

    return routes


def _back(run_id: str) -> Response:
    return redirect(url_for("runs_page.run", run_id=run_id), 303)  # type: ignore[return-value]


def _picture(service: Service, key: Key, file: str) -> Response:
    """Give out a picture under this app's own address: in S3 mode its own is another site's."""
    storage = service.storage_of(key)
    info = storage.info(key, file)
    if info is None or info.size > LARGEST_PICTURE:
        raise NotFound(f"{key} has no picture {file[:100]} that can be shown.")
    content = b"".join(storage.read_chunks(key, file))
    media_type = picture_type(content)
    if media_type is None:
        raise NotFound(f"{file[:100]} of {key} is no picture that browsers show.")
    return Response(content, mimetype=media_type)


def run_values(service: Service, run: Run) -> dict[str, Any]:
    """Return what the run's page shows."""
    key = parse_key(run.key)
    tasks = service.tasks(run)
    own = next((task for task in tasks if task.task_id == run.task_id), None)
    wanted = request.args.get("graph")
    by_family = wanted == "families" or (wanted != "tasks" and len(tasks) > graph.COMFORTABLE)
    result = _result(run.storage, key, run.output) if run.status == DONE else None
    return {
        "run": run,
        "key": key,
        "own": own,
        "counts": _counts(tasks),
        "tasks": tasks,
        "drawing": graph.draw(tasks, by_family=by_family),
        "rows": timeline.rows(run, tasks),
        "is_active": run.status in ACTIVE,
        "progress": _progress(run, own, tasks),
        "result": result,
        "log": _log(run, key, tasks),
        "luigid_up": service.luigid.is_up(),
        "luigid_graph": service.luigid.graph_url(run.task_id),
        "change_url": _form_url(run),
        "failed_log": failed_log_url(run),
        "later": _later(service, run),
        "box": (graph.WIDTH, graph.HEIGHT),
        "task_name": graph.task_name,
        "parameters_of": graph.parameters_of,
    }


def _form_url(run: Run) -> str:
    """Return the address of the task's form, filled in as it was for this run."""
    path = f"/chains/{run.type}/{run.chain}/{run.task}"
    return f"{path}?{urlencode(run.public_params)}" if run.public_params else path


def _counts(tasks: list[TaskRow]) -> dict[str, int]:
    counts: dict[str, int] = {}
    for task in tasks:
        counts[task.status] = counts.get(task.status, 0) + 1
    return counts


def _progress(run: Run, own: TaskRow | None, tasks: list[TaskRow]) -> int:
    """Return percent: what the task says of itself, else the share of tasks that are done."""
    if run.status == DONE:
        return 100
    if own is not None and own.status == RUNNING and own.progress is not None:
        return own.progress
    done = sum(1 for task in tasks if task.status == DONE)
    return 100 * done // len(tasks) if tasks else 0


def _result(storage: str, key: Key, file: str | None) -> dict[str, Any] | None:
    if not file:
        return None
    look = preview(storage_named(storage), key, file)
    link = None
    if look.kind != "missing":
        link = links.result_link(storage, key, file, links.STATUS_LINK_LIFE).url
    return {"file": file, "look": look, "link": link, "key": key}


def _log(run: Run, key: Key, tasks: list[TaskRow]) -> dict[str, str]:
    """Return which log is shown first: the one asked for, else the failed task's, else the root's."""
    wanted = request.args.get("task")
    by_id = {task.task_id: task for task in tasks}
    task = by_id.get(wanted or "")
    if task is None and run.status == FAILED and run.failed_key:
        task = next((one for one in tasks if one.key == run.failed_key), None)
    if task is None or task.key is None:
        return {"key": str(key), "name": run.task, "url": links.log_url(str(key), None, run.id)}
    return {
        "key": task.key,
        "name": f"{graph.task_name(task)} {graph.parameters_of(task)}".strip(),
        "url": links.log_url(task.key, None, run.id),
    }


def _later(service: Service, run: Run) -> Run | None:
    """Return the latest run of the same key when this one failed and is not it."""
    latest = service.store.latest(run.key) if run.status in (FAILED, CANCELLED) else None
    return latest if latest is not None and latest.id != run.id else None


def _earlier_logs(service: Service, run: Run, key: Key) -> list[int]:
    """Return the numbers of the logs that attempts before this run's left, the latest first."""
    own = service.store.log_number(run.id, str(key))
    try:
        files = service.storage_of(key).list_files(key)
    except DatanectarError:
        return []
    found = (_KEPT_LOG.match(file.name) for file in files)
    numbers = sorted((int(match[1]) for match in found if match), reverse=True)
    return [number for number in numbers if own is None or number < own]
