"""The JSON of the API: the only place that turns records into it."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

from msgspec import structs

from datanectar.http import links
from datanectar.http.envelope import iso_time
from datanectar.http.task_graph import edges
from datanectar.keys import PARAMS_FILE, Key
from datanectar.messages import ChainDescription, ParameterDescription, Resolution, TaskDescription
from datanectar.runs.records import Run, TaskRow
from datanectar.service.result_file import ResultFile, ResultFolder
from datanectar.service.service import MOST_NODES, Accepted
from datanectar.service.status import Status
from datanectar.statuses import CANCELLED, DONE
from datanectar.storage.base import Link
from datanectar.storage.registry import name_of

#: Bounds of a run in a list: the characters of a parameter, and the parameters.
_SHOWN_TEXT, _SHOWN_PARAMETERS = 500, 100


def chain_data(chain: ChainDescription) -> dict[str, Any]:
    """Return a chain and its tasks."""
    return {
        "type": chain.type,
        "name": chain.name,
        "doc": chain.doc,
        "error": chain.error,
        "reading": chain.reading,
        "api_href": links.url(f"/api/chains/{chain.type}/{chain.name}"),
        "tasks": [task_data(chain, task) for task in chain.tasks],
        "left_out": [structs.asdict(left) for left in chain.left_out],
    }


def task_data(chain: ChainDescription, task: TaskDescription) -> dict[str, Any]:
    """Return a task of a chain."""
    return {
        **structs.asdict(task),
        "parameters": [_parameter_data(item) for item in task.parameters],
        "api_href": links.url(f"/api/chains/{chain.type}/{chain.name}/{task.name}"),
    }


def _parameter_data(item: ParameterDescription) -> dict[str, Any]:
    data = structs.asdict(item)
    del data["default_readable"]  # for forms: an API client keeps a default by not sending it
    return data


def accepted_data(accepted: Accepted, result: Link | None) -> dict[str, Any]:
    """Return an accepted request; ``result`` is the link to its result when that is one file."""
    resolution, run = accepted.resolution, accepted.run
    return {
        "key": resolution.key,
        "status_url": links.status_url(resolution.key, resolution.output),
        "expires_in": result.expires_in if result else links.STATUS_LINK_LIFE,
        "job_status": DONE if accepted.done or run is None else run.status,
        "run_id": run.id if run else None,
        "target_url": result.url if result else None,
    }


def resolution_data(resolution: Resolution, complete: bool, made_by: Run | None) -> dict[str, Any]:
    """Return what a request would run, and whether its result is there."""
    return {
        "key": resolution.key,
        "task_id": resolution.task_id,
        "parameters": resolution.public_params,
        "defaults": resolution.defaulted,
        "hashed": _hashed(resolution.source, resolution.public_params),
        "run_time": resolution.run_time,
        "storage": name_of(resolution.storage),
        "output": resolution.output,
        "complete": complete,
        "made_by_run": made_by.id if made_by else None,
        "status_url": links.status_url(resolution.key, resolution.output),
    }


def _hashed(source: str, public: dict[str, str]) -> str | None:
    """Return the hashed text, or None when it holds a private parameter."""
    if source.startswith("{") and set(json.loads(source)) - {"version", "date"} - set(public):
        return None
    return source


def shortened(run: Run) -> Run:
    """Return the run for a list: of long parameters only the beginning, and how long they are."""
    names = list(run.public_params)
    shown = {name: _beginning(run.public_params[name]) for name in names[:_SHOWN_PARAMETERS]}
    if len(names) > _SHOWN_PARAMETERS:
        shown["…"] = f"{len(names) - _SHOWN_PARAMETERS} more"
    return replace(run, public_params=shown)


def _beginning(text: str) -> str:
    if len(text) <= _SHOWN_TEXT:
        return text
    return f"{text[:_SHOWN_TEXT]}… ({len(text)} characters)"


def run_data(run: Run) -> dict[str, Any]:
    """Return a run."""
    return {
        "id": run.id,
        "key": run.key,
        "type": run.type,
        "chain": run.chain,
        "task": run.task,
        "parameters": run.public_params,
        "job_status": run.status,
        "cancel_requested": run.cancel_requested,
        "trigger": run.trigger,
        "requested_by": run.requested_by,
        "attempts": run.attempt,
        "created": iso_time(run.created),
        "started": iso_time(run.started),
        "finished": iso_time(run.finished),
        "worker": run.owner,
        "error": run.error,
        "traceback": run.traceback,
        "failed_key": failed_key(run),
        "status_url": links.status_url(run.key, run.output),
        "log_url": links.log_url(run.key, run.output, run.id),
        "failed_log_url": failed_log_url(run),
    }


def failed_key(run: Run) -> str | None:
    """Return the key of the task whose failure ended the run; a cancelled run has none."""
    return None if run.status == CANCELLED else run.failed_key


def failed_log_url(run: Run) -> str | None:
    """Return the address of the failed task's log of this run, or None."""
    key = failed_key(run)
    return links.log_url(key, None, run.id) if key else None


def status_data(status: Status) -> dict[str, Any]:
    """Return the status of a key."""
    run, task = status.run, status.task
    results = [_result_data(status.key, file) for file in status.results]
    single = results[0] if len(results) == 1 else {"url": None, "expires_in": None}
    of_root = run is not None and run.key == str(status.key)
    timed = run if of_root else task
    error = (run.error if run and of_root else None) or (task.error if task else None)
    return {
        "key": str(status.key),
        "job_status": status.job_status,
        "resource_url": single["url"],
        "expires_in": single["expires_in"],
        "results": results,
        "error": error or status.note,
        "traceback": run.traceback if run and of_root else task.traceback if task else None,
        "failed_key": failed_key(run) if run else None,
        "failed_log_url": failed_log_url(run) if run else None,
        "log_url": links.log_url(str(status.key), status.file),
        "params_url": links.target_url(status.key, PARAMS_FILE) if _has_begun(status) else None,
        "run_id": run.id if run else None,
        "attempts": run.attempt if run else 0,
        "created": iso_time(run.created) if run else None,
        "started": iso_time(timed.started) if timed else None,
        "finished": iso_time(timed.finished) if timed else None,
        "progress": task.progress if task else None,
        "status_message": task.message if task else None,
        "tracking_url": task.tracking_url if task else None,
        "scheduler": status.scheduler,
    }


def _result_data(key: Key, file: ResultFile) -> dict[str, Any]:
    link = links.file_link(key, file, links.STATUS_LINK_LIFE)
    return {
        "name": file.name,
        "url": link.url,
        "expires_in": link.expires_in,
        "size": file.size,
        "modified": iso_time(file.modified),
        "files_url": links.files_url(key, file),
    }


def folder_data(key: Key, folder: ResultFolder) -> dict[str, Any]:
    """Return a folder of a result with its files; ``zip_url`` sends all of them."""
    return {
        "key": str(key),
        "folder": folder.folder,
        "zip_url": links.target_url(key, folder.name),
        "files": [_result_data(key, file) for file in folder.files()],
    }


def _has_begun(status: Status) -> bool:
    """Tell whether the key's task has started in a run, which is when its ``params.txt`` is written."""
    run, task = status.run, status.task
    if task is not None and task.status == DONE and run is not None and not run.attempt:
        return False  # the result was there before any run
    was_done = run is not None and run.key == str(status.key) and run.status == DONE
    began = task is not None and (task.started is not None or task.status == DONE)
    return status.job_status == DONE or was_done or began


_TOO_LARGE = f"The run has more tasks; these are {MOST_NODES} of them."


def graph_data(tasks: list[TaskRow]) -> dict[str, Any]:
    """Return a run's tasks as nodes and their requirements as edges; of a very large graph, a part."""
    shown = tasks[:MOST_NODES]
    return {
        "note": _TOO_LARGE if len(tasks) > len(shown) else None,
        "nodes": [
            {
                "id": task.task_id,
                "key": task.key,
                "family": task.family,
                "parameters": task.params,
                "status": task.status,
                "started": iso_time(task.started),
                "finished": iso_time(task.finished),
                "error": task.error,
                "progress": task.progress,
                "status_message": task.message,
                "tracking_url": task.tracking_url,
                "runs_on": task.runs_on,
                "peak_memory": task.peak_memory,
                "cpu_time": task.cpu_time,
                "log_url": links.log_url(task.key, None, task.run_id) if task.key else None,
            }
            for task in shown
        ],
        "edges": [{"from": needed, "to": needing} for needed, needing in edges(shown)],
    }
