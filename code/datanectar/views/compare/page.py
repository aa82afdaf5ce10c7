"""``/runs/<a>/compare/<b>``: two runs beside each other."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

from flask import Blueprint, Response, redirect, request, url_for

from datanectar.api.log_follower import LogSource
from datanectar.errors import DatanectarError
from datanectar.keys import parse_key
from datanectar.runs.records import Run, TaskRow
from datanectar.runs.store import RunFilters
from datanectar.service.service import MOST_NODES, Service
from datanectar.statuses import DONE
from datanectar.views.compare.lines import MOST_LINES, Comparison, compare, split_lines
from datanectar.views.compare.pairs import MOST_PAIRS, TaskPair, task_pairs, values
from datanectar.views.compare.results import MOST_FILES, file_pairs
from datanectar.views.graph.drawing import parameters_of, task_name
from datanectar.views.pages import page
from datanectar.views.results.page import first_rows

#: The runs that the page offers to be compared with; the bytes at the end of a log that are compared.
_OFFERED, _LOG_BYTES = 20, 64 * 1024
#: What is needed of a task: of thousands the rest would take long to read.
_FIELDS = (
    "run_id",
    "task_id",
    "key",
    "family",
    "status",
    "started",
    "finished",
    "params",
    "results",
)


def blueprint(service: Service) -> Blueprint:
    """Return the page, and the address that leads to it from one run."""
    routes = Blueprint("compare", __name__, url_prefix="/runs/<run_id>/compare")

    @routes.get("")
    def choose(run_id: str) -> Response:
        return _choose(service, service.run(run_id), request.args.get("with", "").strip())

    @routes.get("/<other_id>")
    def both(run_id: str, other_id: str) -> Response:
        runs = (service.run(run_id), service.run(other_id))
        return page("compare.html", **_values(service, runs, request.args.get("task", "")))

    return routes


def _choose(service: Service, run: Run, other_id: str) -> Response:
    """Lead to the comparison with the run that is asked for, else with the one before it."""
    if other_id:
        return _to(*sorted((run.id, service.run(other_id).id)))
    before, _ = service.store.list_runs(_of_task(run), cursor=run.id, limit=1)
    if before:
        return _to(before[0].id, run.id)
    later, _ = service.store.list_runs(_of_task(run), cursor=None, limit=_OFFERED)
    return page("compare_choose.html", run=run, others=[one for one in later if one.id != run.id])


def _of_task(run: Run) -> RunFilters:
    return RunFilters(type=run.type, chain=run.chain, task=run.task)


def _to(run_id: str, other_id: str) -> Response:
    return redirect(url_for("compare.both", run_id=run_id, other_id=other_id), 303)  # type: ignore[return-value]


def _values(service: Service, runs: tuple[Run, Run], asked: str) -> dict[str, Any]:
    """Return what the page shows; ``asked`` is the id of a task whose logs are wanted."""
    tasks = [service.store.tasks(run.id, MOST_NODES, run.task_id, _FIELDS) for run in runs]
    pairs = task_pairs((runs[0], tasks[0]), (runs[1], tasks[1]))
    chosen = _chosen(pairs, runs, asked)
    others, _ = service.store.list_runs(_of_task(runs[1]), cursor=None, limit=_OFFERED)
    seconds = (value for pair in pairs[:MOST_PAIRS] for value in pair.seconds if value is not None)
    return {
        "runs": runs,
        "parameters": values(runs[0].public_params, runs[1].public_params),
        "pairs": pairs[:MOST_PAIRS],
        "left_out": max(0, len(pairs) - MOST_PAIRS),
        "longest": max(seconds, default=0.0) or 1.0,
        "chosen": chosen,
        "log": _logs(service, runs, chosen),
        "most_lines": MOST_LINES,
        "others": [one for one in others if one.id not in (runs[0].id, runs[1].id)],
        "task_name": task_name,
        "parameters_of": parameters_of,
        **_results(service, runs, tasks),
    }


def _chosen(pairs: list[TaskPair], runs: tuple[Run, Run], asked: str) -> TaskPair | None:
    """Return the pair with a task of that id, else one of which a task failed, else the roots."""

    def having(*ids: str) -> TaskPair | None:
        sides = (
            (pair, {task.task_id for task in (pair.left, pair.right) if task}) for pair in pairs
        )
        return next((pair for pair, own in sides if own & {*ids}), None)

    failed = {run.failed_key for run in runs if run.failed_key}
    first = (
        pair for pair in pairs if failed & {task.key for task in (pair.left, pair.right) if task}
    )
    return having(asked) or next(first, None) or having(*(run.task_id for run in runs))


def _logs(service: Service, runs: tuple[Run, Run], chosen: TaskPair | None) -> Comparison | None:
    """Return the logs of a pair of tasks side by side; None when there is none."""
    sides = (chosen.left, chosen.right) if chosen else (None, None)
    logs = [_log(service, *pair) for pair in zip(runs, sides, strict=True)]
    return compare(*logs, vary=True, from_end=True) if any(logs) else None


def _log(service: Service, run: Run, task: TaskRow | None) -> list[str]:
    """Return the last lines of the log that a task wrote in a run; without a task, of the run's own."""
    try:
        key = parse_key((task.key if task else None) or run.key)
        source = LogSource(service, key, service.log_of_run(run, key))
        version = source.version()
        if version is None:
            return []
        text = b"".join(source.read(max(0, version[1] - _LOG_BYTES))).decode(errors="replace")
    except (DatanectarError, OSError):
        return []
    return split_lines(text.removesuffix("\n"))


def _results(
    service: Service, runs: tuple[Run, Run], tasks: list[list[TaskRow]]
) -> Mapping[str, Any]:
    """Return the pairs of the results' files, or why there are none."""
    if runs[0].key == runs[1].key:
        return {"files": [], "why": "Both runs are of one key, which has one result: the latest."}
    sides = []
    for run, own in zip(runs, tasks, strict=True):
        root = next((task for task in own if task.task_id == run.task_id), None)
        try:
            found = service.results.of_run(run, root).files if run.status == DONE else []
        except DatanectarError as problem:
            return {"files": [], "why": problem.message}
        if not found:
            return {"files": [], "why": f"The result of run {run.id} is not there."}
        sides.append(found)
    rows = [partial(first_rows, service, parse_key(run.key)) for run in runs]
    return {"files": file_pairs(sides[0], sides[1], (rows[0], rows[1]))[:MOST_FILES], "why": ""}
