"""What luigid answers, read with care: whatever listens at its address may answer anything."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from datanectar.errors import SchedulerError
from datanectar.luigid.address import not_luigid

#: luigid's messages to a worker that are passed on (luigi/worker.py, ``rpc_message_callback``).
_PROCESSES, _MESSAGE = "set_worker_processes", "dispatch_scheduler_message"
#: How many processes luigid's page may give a run's worker.
_MOST_PROCESSES = 64


def read(url: str, method: str, page: str) -> Any:
    """Return the answer in a page, in the shape that the method's answers have.

    Args:
        url: luigid's address, for the error.
        method: the RPC's name.
        page: the body of the response.

    Raises:
        SchedulerError: when luigid can't have said this.
    """
    try:
        answer = json.loads(page)["response"]
        return _READERS.get(method, _anything)(answer)
    except (ArithmeticError, LookupError, RecursionError, TypeError, ValueError) as problem:
        what = f"its answer to {method} can't be read: {page[:100]!r}"
        raise SchedulerError(not_luigid(url, what)) from problem


def _anything(answer: Any) -> Any:
    return answer


def _mapping(answer: Any) -> dict[str, Any]:
    if not isinstance(answer, dict):
        raise TypeError("no object")
    return answer


def _mappings(answer: Any) -> list[dict[str, Any]]:
    if not isinstance(answer, list):
        raise TypeError("no list")
    return [_mapping(each) for each in answer]


def _graph(answer: Any) -> dict[str, Any]:
    return {name: _mapping(known) for name, known in _mapping(answer).items()}


def _work(answer: Any) -> dict[str, Any]:
    """Read what ``get_work`` answers (luigi/scheduler.py); what is to be run are ids alone."""
    given = _mapping(answer)
    work: dict[str, Any] = {
        "task_id": _text_or_none(given["task_id"]),
        "running_tasks": [
            {**each, "task_id": str(each["task_id"]), "worker": str(each["worker"])}
            for each in _mappings(given["running_tasks"])
        ],
        "n_pending_tasks": int(given["n_pending_tasks"]),
        "n_unique_pending": int(given["n_unique_pending"]),
        "n_pending_last_scheduled": int(given.get("n_pending_last_scheduled", 0)),
    }
    if "worker_state" in given:
        work["worker_state"] = given["worker_state"]
    if work["task_id"] is None and given.get("batch_id") is not None:
        work["batch_id"] = str(given["batch_id"])
        work["batch_task_ids"] = [str(each) for each in list(given["batch_task_ids"])]
        if not work["batch_task_ids"]:
            raise ValueError("an empty batch")
    return work


def _text_or_none(value: Any) -> str | None:
    if value is not None and not isinstance(value, str):
        raise TypeError("no text")
    return value


def _messages(answer: Any) -> dict[str, Any]:
    """Read what ``ping`` answers; of the messages, those that a worker knows and can take."""
    messages = _mappings(_mapping(answer).get("rpc_messages") or [])
    return {"rpc_messages": [each for each in messages if _is_message(each)]}


def _is_message(message: dict[str, Any]) -> bool:
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
    "ping": _messages,
    "dep_graph": _graph,
    "fetch_error": _mapping,
    "resource_list": _mappings,
    "count_pending": _mapping,
}
