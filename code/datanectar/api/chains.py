"""``/api/chains``: what there is, what a request would run, and running it."""

from __future__ import annotations

import json
import re
import threading
from typing import Any

from flask import Blueprint, Response, request
from msgspec import structs
from werkzeug.routing import BaseConverter

from datanectar.catalog.files import CHAIN_SUFFIX, no_task
from datanectar.errors import NotFound
from datanectar.http import links
from datanectar.http.envelope import answer
from datanectar.http.links import status_url, url
from datanectar.http.request_params import given_parameters
from datanectar.http.serializers import failed_log_url
from datanectar.keys import parse_key
from datanectar.messages import ChainDescription, ParameterDescription, Resolution, TaskDescription
from datanectar.runs.records import Run
from datanectar.service.service import Accepted, Service
from datanectar.statuses import CANCELLED, DONE, FAILED
from datanectar.storage.base import Link
from datanectar.storage.registry import name_of

#: The longest that a POST may wait for its run, in seconds (RFC 7240 ``Prefer: wait``).
LONGEST_WAIT = 60

#: How a POST that waited is answered when its run ended without a result: the run's own failure is
#: the chain's (422), a cancelled one was in conflict with what somebody else wanted (409).
_IN_VAIN = {FAILED: (422, "The run failed"), CANCELLED: (409, "The run was cancelled")}

_WAIT = re.compile(r"(?:^|[,;\s])wait\s*=\s*\"?(\d{1,9})", re.ASCII | re.IGNORECASE)


class TaskName(BaseConverter):
    """A task's name in a path: any but ``key``, which is the short form's dry run."""

    regex = r"(?!key$)[^/]+"


def blueprint(service: Service) -> Blueprint:
    """Return the routes below ``/api/chains``."""
    routes = Blueprint("chains", __name__, url_prefix="/api/chains")
    # Who waits keeps a thread; most of them stay free for everybody else.
    waiters = threading.Semaphore(max(1, service.settings.web_threads // 4))

    @routes.get("")
    def every_chain() -> Response:
        return answer([_chain(chain) for chain in service.catalog.chains()])

    @routes.get("/<type>")
    def chains_of_type(type: str) -> Response:
        chains = service.catalog.chains(type=type)
        if not chains:
            raise NotFound(f"There is no chain of type {type[:100]!r}; GET /api/chains lists all.")
        return answer([_chain(chain) for chain in chains])

    @routes.get("/<type>/<chain>")
    def one_chain(type: str, chain: str) -> Response:
        return answer(_chain(service.catalog.chain(type, chain)))

    @routes.get("/<type>/<chain>/<task_name:task>")
    def one_task(type: str, chain: str, task: str) -> Response:
        described = service.catalog.chain(type, chain)
        for item in described.tasks:
            if item.name == task:
                return answer(_task(described, item))
        if described.error:
            raise NotFound(f"{type}/{chain} has no task {task[:100]!r}; {described.error}.")
        raise NotFound(no_task(described, task))

    @routes.get("/<type>/<chain>/<task>/key")
    def key(type: str, chain: str, task: str) -> Response:
        return answer(_explanation(service, type, chain, task))

    @routes.get("/<type>/<task>/key")
    def key_by_short_form(type: str, task: str) -> Response:
        if task.endswith(CHAIN_SUFFIX[:-3]):  # a chain, which could have a task of this name
            return one_task(type, task, "key")
        return answer(_explanation(service, type, service.chain_of_task(type, task), task))

    @routes.post("/<type>/<chain>/<task_name:task>")
    def run(type: str, chain: str, task: str) -> Response:
        return _run(service, waiters, type, chain, task)

    @routes.post("/<type>/<task>")
    def run_by_short_form(type: str, task: str) -> Response:
        return _run(service, waiters, type, service.chain_of_task(type, task), task)

    return routes


def _chain(chain: ChainDescription) -> dict[str, Any]:
    return {
        "type": chain.type,
        "name": chain.name,
        "doc": chain.doc,
        "error": chain.error,
        "reading": chain.reading,
        "api_href": url(f"/api/chains/{chain.type}/{chain.name}"),
        "tasks": [_task(chain, task) for task in chain.tasks],
        "left_out": [structs.asdict(left) for left in chain.left_out],
    }


def _task(chain: ChainDescription, task: TaskDescription) -> dict[str, Any]:
    return {
        **structs.asdict(task),
        "parameters": [_parameter(item) for item in task.parameters],
        "api_href": url(f"/api/chains/{chain.type}/{chain.name}/{task.name}"),
    }


def _parameter(item: ParameterDescription) -> dict[str, Any]:
    shown = structs.asdict(item)
    del shown[
        "default_readable"
    ]  # for who fills in a form: here, a default is kept by not giving it
    return shown


def _run(
    service: Service, waiters: threading.Semaphore, type: str, chain: str, task: str
) -> Response:
    wait = _preferred_wait()
    accepted = service.accept(type, chain, task, given_parameters())
    if wait is None or accepted.run is None or accepted.done:
        return _accepted(service, accepted, waited=wait)
    if not waiters.acquire(blocking=False):  # a preference, which may go unheard (RFC 7240)
        return _accepted(service, accepted, waited=None)
    try:
        run = service.wait(accepted.run.id, wait)
    finally:
        waiters.release()
    return _accepted(service, Accepted(accepted.resolution, run, run.status == DONE), waited=wait)


def _accepted(service: Service, accepted: Accepted, *, waited: int | None) -> Response:
    resolution, run = accepted.resolution, accepted.run
    location = status_url(resolution.key, resolution.output)
    link = _target(service, resolution) if accepted.done else None
    data = {
        "key": resolution.key,
        "status_url": location,
        "expires_in": link.expires_in if link else links.STATUS_LINK_LIFE,
        "job_status": DONE if accepted.done else _status(run),
        "run_id": run.id if run else None,
        "target_url": link.url if link else None,
    }
    headers = {"Location": location}
    if waited is not None:
        headers["Preference-Applied"] = f"wait={waited}"
    if waited is None or run is None or accepted.done or run.status not in _IN_VAIN:
        return answer(data, headers=headers)
    data |= {"error": run.error, "failed_log_url": failed_log_url(run)}
    status, words = _IN_VAIN[run.status]
    message = f"{words}: {run.error}" if run.error else f"{words}."
    return answer(data, status=status, message=message, headers=headers)


def _target(service: Service, resolution: Resolution) -> Link | None:
    """Return the URL of a result that is there, if it is a single file."""
    key, life = parse_key(resolution.key), links.POST_LINK_LIFE
    if resolution.output:
        return links.result_link(resolution.storage, key, resolution.output, life)
    files = service.results.at(resolution.results, resolution.storage)
    return links.file_link(key, files[0], life) if len(files) == 1 else None


def _status(run: Run | None) -> str | None:
    return run.status if run else None


def _explanation(service: Service, type: str, chain: str, task: str) -> dict[str, Any]:
    resolution = service.resolve(type, chain, task, given_parameters())
    complete = service.is_complete(resolution)
    made_by = service.made_by(resolution.key) if complete else None
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
        "status_url": status_url(resolution.key, resolution.output),
    }


def _hashed(source: str, public: dict[str, str]) -> str | None:
    """Return the hashed text, unless it holds a value that may not be shown."""
    hidden = re.match(r"\{", source) and not _all_public(source, public)
    return None if hidden else source


def _all_public(source: str, public: dict[str, str]) -> bool:
    return set(json.loads(source)) - {"version", "date"} <= set(public)


def _preferred_wait() -> int | None:
    """Return the seconds of ``Prefer: wait=N`` (RFC 7240 section 4.3), capped, or None."""
    found = _WAIT.search(request.headers.get("Prefer", ""))
    return min(int(found[1]), LONGEST_WAIT) if found else None
