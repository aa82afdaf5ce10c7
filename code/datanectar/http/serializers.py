"""Records as the API shows them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from datanectar.http import links
from datanectar.http.envelope import moment
from datanectar.keys import PARAMS_FILE, Key
from datanectar.runs.records import Run, TaskRow
from datanectar.service.result_file import ResultFile
from datanectar.service.service import MOST_NODES
from datanectar.service.status import Status
from datanectar.statuses import CANCELLED, DONE

#: Characters of a parameter that a list of runs shows, and how many parameters of a run.
_SHOWN_TEXT, _SHOWN_PARAMETERS = 500, 100


def listed(run: Run) -> Run:
    """Return the run as lists have it: of long parameters the beginning, and how long they are."""
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
    """Return a run as the API shows it."""
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
        "attempts": run.attempt,
        "created": moment(run.created),
        "started": moment(run.started),
        "finished": moment(run.finished),
        "worker": run.owner,
        "error": run.error,
        "traceback": run.traceback,
        "failed_key": failed_key(run),
        "status_url": links.status_url(run.key, run.output),
        "log_url": links.log_url(run.key, run.output, run.id),
        "failed_log_url": failed_log_url(run),
    }


def failed_key(run: Run) -> str | None:
    """Return the key of the task at which a run failed; a cancelled run has failed at none."""
    return None if run.status == CANCELLED else run.failed_key


def failed_log_url(run: Run) -> str | None:
    """Return the address of the log that the task at which a run failed wrote in that run."""
    key = failed_key(run)
    return links.log_url(key, None, run.id) if key else None


def status_data(status: Status) -> dict[str, Any]:
    """Return a status as ``chainstatus`` shows it."""
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
        "created": moment(run.created) if run else None,
        "started": moment(timed.started) if timed else None,
        "finished": moment(timed.finished) if timed else None,
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
        "modified": moment(file.modified),
    }


def _has_begun(status: Status) -> bool:
    """Tell whether the key's task came to run, which is when its ``params.txt`` is written."""
    run, task = status.run, status.task
    if task is not None and task.status == DONE and run is not None and not run.attempt:
        return False  # the result was there before any run
    was_done = run is not None and run.key == str(status.key) and run.status == DONE
    began = task is not None and (task.started is not None or task.status == DONE)
    return status.job_status == DONE or was_done or began


_TOO_LARGE = f"The run has more tasks; these are {MOST_NODES} of them."


def graph_data(tasks: list[TaskRow]) -> dict[str, Any]:
    """Return a run's tasks as nodes and their requirements as edges."""
    shown, known = tasks[:MOST_NODES], {task.task_id for task in tasks[:MOST_NODES]}
    return {
        "note": _TOO_LARGE if len(tasks) > len(shown) else None,
        "nodes": [
            {
                "id": task.task_id,
                "key": task.key,
                "family": task.family,
                "status": task.status,
                "started": moment(task.started),
                "finished": moment(task.finished),
                "error": task.error,
                "progress": task.progress,
                "status_message": task.message,
                "tracking_url": task.tracking_url,
                "log_url": links.log_url(task.key, None, task.run_id) if task.key else None,
            }
            for task in shown
        ],
        "edges": [
            {"from": needed, "to": task.task_id}
            for task in shown
            for needed in task.requires
            if needed in known
        ],
    }
