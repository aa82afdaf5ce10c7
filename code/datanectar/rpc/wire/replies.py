"""luigid's responses, validated: whatever listens at its address may send anything."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from datanectar import reasons
from datanectar.errors import SchedulerError
from datanectar.luigid.address import not_luigid

#: luigid's reply to ``get_work`` when there is no work and none will come.
NO_WORK: dict[str, Any] = {
    "task_id": None,
    "running_tasks": [],
    "n_pending_tasks": 0,
    "n_unique_pending": 0,
    "n_pending_last_scheduled": 0,
}
#: luigid's messages to a worker that are passed on (luigi/worker.py, ``rpc_message_callback``).
_PROCESSES, _MESSAGE = "set_worker_processes", "dispatch_scheduler_message"
#: How many processes luigid's page may give to a run's worker.
_MOST_PROCESSES = 64


def read(url: str, method: str, page: str) -> Any:
    """Return the reply in a response's body, in the shape of the method's replies.

    Args:
        url: luigid's address, for the error.
        method: the RPC's name.
        page: the body of the response.

    Raises:
        SchedulerError: when luigid can't have sent this.
    """
    try:
        reply = json.loads(page)["response"]
        return _READERS.get(method, _anything)(reply)
    except (ArithmeticError, LookupError, RecursionError, TypeError, ValueError) as problem:
        reason = f"its answer to {method} can't be read: {page[:100]!r}"
        raise SchedulerError(not_luigid(url, reason)) from problem


def failure_text(expl: Any) -> str:
    """Return why a task failed, from what Luigi's worker sent (worker.py ``_handle_next_task``).

    Args:
        expl: a text as JSON, or any other object.
    """
    try:
        text = json.loads(expl)
    except (TypeError, ValueError):
        text = expl
    return reasons.without_environment(str(text or "it failed and gave no reason"))


def _anything(reply: Any) -> Any:
    return reply


def _mapping(reply: Any) -> dict[str, Any]:
    if not isinstance(reply, dict):
        raise TypeError("no object")
    return reply


def _mappings(reply: Any) -> list[dict[str, Any]]:
    if not isinstance(reply, list):
        raise TypeError("no list")
    return [_mapping(item) for item in reply]


def _graph(reply: Any) -> dict[str, Any]:
    return {name: _mapping(task) for name, task in _mapping(reply).items()}


def _work(reply: Any) -> dict[str, Any]:
    """Read the reply to ``get_work`` (luigi/scheduler.py); of tasks to run, their ids alone."""
    fields = _mapping(reply)
    work: dict[str, Any] = {
        "task_id": _text_or_none(fields["task_id"]),
        "running_tasks": [
            {**task, "task_id": str(task["task_id"]), "worker": str(task["worker"])}
            for task in _mappings(fields["running_tasks"])
        ],
        "n_pending_tasks": int(fields["n_pending_tasks"]),
        "n_unique_pending": int(fields["n_unique_pending"]),
        "n_pending_last_scheduled": int(fields.get("n_pending_last_scheduled", 0)),
    }
    if "worker_state" in fields:
        work["worker_state"] = fields["worker_state"]
    if "more_task_ids" in fields:  # of our luigid (datanectar.luigid.project_scheduler)
        work["more_task_ids"] = [str(task_id) for task_id in list(fields["more_task_ids"])]
    if work["task_id"] is None and fields.get("batch_id") is not None:
        work["batch_id"] = str(fields["batch_id"])
        work["batch_task_ids"] = [str(task_id) for task_id in list(fields["batch_task_ids"])]
        if not work["batch_task_ids"]:
            raise ValueError("an empty batch")
    return work


def _text_or_none(value: Any) -> str | None:
    if value is not None and not isinstance(value, str):
        raise TypeError("no text")
    return value


def _ping(reply: Any) -> dict[str, Any]:
    """Read the reply to ``ping``: the messages that a worker knows and can take."""
    messages = _mappings(_mapping(reply).get("rpc_messages") or [])
    return {"rpc_messages": [message for message in messages if _is_valid(message)]}


def _is_valid(message: dict[str, Any]) -> bool:
    arguments = message.get("kwargs")
    if not isinstance(arguments, dict):
        return False
    if message.get("name") == _PROCESSES:
        n = arguments.get("n")
        return set(arguments) == {"n"} and type(n) is int and 1 <= n <= _MOST_PROCESSES
    known = {"task_id", "message_id", "content"}
    return message.get("name") == _MESSAGE and set(arguments) == known


_READERS: dict[str, Callable[[Any], Any]] = {
    "get_work": _work,
    "ping": _ping,
    "dep_graph": _graph,
    "fetch_error": _mapping,
    "resource_list": _mappings,
    "count_pending": _mapping,
}
