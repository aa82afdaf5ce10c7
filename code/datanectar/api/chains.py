"""``/api/chains``: what there is, what a request would run, and running it."""

from __future__ import annotations

import re
import threading
from typing import Any

from flask import Blueprint, Response, request
from werkzeug.routing import BaseConverter

from datanectar.catalog.files import CHAIN_SUFFIX, no_task
from datanectar.errors import NotFound
from datanectar.http import links
from datanectar.http.envelope import json_response
from datanectar.http.identity import current
from datanectar.http.request_params import request_params
from datanectar.http.serializers import (
    accepted_data,
    chain_data,
    failed_log_url,
    resolution_data,
    task_data,
)
from datanectar.keys import parse_key
from datanectar.messages import Resolution
from datanectar.service.service import Accepted, Service
from datanectar.statuses import CANCELLED, DONE, FAILED
from datanectar.storage.base import Link
from datanectar.telemetry.context import bind

#: The longest that a POST may wait for its run, in seconds (RFC 7240 ``Prefer: wait``).
LONGEST_WAIT = 60

#: The response to a POST that waited, by how its run ended without a result: a failure is the
#: chain's (422), a cancelled run was in conflict with somebody else's request (409).
_NO_RESULT = {FAILED: (422, "The run failed"), CANCELLED: (409, "The run was cancelled")}

_WAIT = re.compile(r"(?:^|[,;\s])wait\s*=\s*\"?(\d{1,9})", re.ASCII | re.IGNORECASE)


class TaskName(BaseConverter):
    """A task's name in a path: any but ``key``, which is the short form's dry run."""

    regex = r"(?!key$)[^/]+"


def blueprint(service: Service) -> Blueprint:
    """Return the routes below ``/api/chains``."""
    routes = Blueprint("chains", __name__, url_prefix="/api/chains")
    _add_listings(routes, service)
    _add_dry_runs(routes, service)
    _add_runs(routes, service)
    return routes


def _add_listings(routes: Blueprint, service: Service) -> None:
    @routes.get("")
    def every_chain() -> Response:
        return json_response(
            [chain_data(chain) for chain in current.visible(service.catalog.chains())]
        )

    @routes.get("/<type>")
    def chains_of_type(type: str) -> Response:
        chains = service.catalog.chains(type=type)
        if not chains:
            raise NotFound(f"There is no chain of type {type[:100]!r}; GET /api/chains lists all.")
        return json_response([chain_data(chain) for chain in chains])

    @routes.get("/<type>/<chain>")
    def one_chain(type: str, chain: str) -> Response:
        return json_response(chain_data(service.catalog.chain(type, chain)))

    @routes.get("/<type>/<chain>/<task_name:task>")
    def one_task(type: str, chain: str, task: str) -> Response:
        return json_response(_task(service, type, chain, task))


def _task(service: Service, type: str, chain: str, task: str) -> dict[str, Any]:
    described = service.catalog.chain(type, chain)
    for item in described.tasks:
        if item.name == task:
            return task_data(described, item)
    if described.error:
        raise NotFound(f"{type}/{chain} has no task {task[:100]!r}; {described.error}.")
    raise NotFound(no_task(described, task))


def _add_dry_runs(routes: Blueprint, service: Service) -> None:
    @routes.get("/<type>/<chain>/<task>/key")
    def key(type: str, chain: str, task: str) -> Response:
        return json_response(_dry_run(service, type, chain, task))

    @routes.get("/<type>/<task>/key")
    def key_by_short_form(type: str, task: str) -> Response:
        if task.endswith(CHAIN_SUFFIX[:-3]):  # a chain's name; it may have a task called "key"
            return json_response(_task(service, type, task, "key"))
        chain = service.chain_of_task(type, task)
        return json_response(_dry_run(service, type, chain, task))


def _dry_run(service: Service, type: str, chain: str, task: str) -> dict[str, Any]:
    resolution = service.resolve(type, chain, task, request_params())
    complete = service.is_complete(resolution)
    made_by = service.made_by(resolution.key) if complete else None
    return resolution_data(resolution, complete, made_by)


def _add_runs(routes: Blueprint, service: Service) -> None:
    # A request that waits occupies a thread; three quarters of them stay free for others.
    waiters = threading.Semaphore(max(1, service.settings.web_threads // 4))

    @routes.post("/<type>/<chain>/<task_name:task>")
    def run(type: str, chain: str, task: str) -> Response:
        return _run(service, waiters, type, chain, task)

    @routes.post("/<type>/<task>")
    def run_by_short_form(type: str, task: str) -> Response:
        return _run(service, waiters, type, service.chain_of_task(type, task), task)


def _run(
    service: Service, waiters: threading.Semaphore, type: str, chain: str, task: str
) -> Response:
    wait = _preferred_wait()
    accepted = service.accept(type, chain, task, request_params(), requested_by=current.name())
    bind(run_id=accepted.run.id if accepted.run else None)
    if wait is None or accepted.run is None or accepted.done:
        return _accepted(service, accepted, waited=wait)
    if not waiters.acquire(blocking=False):  # a server may ignore a preference (RFC 7240)
        return _accepted(service, accepted, waited=None)
    try:
        run = service.wait(accepted.run.id, wait)
    finally:
        waiters.release()
    return _accepted(service, Accepted(accepted.resolution, run, run.status == DONE), waited=wait)


def _accepted(service: Service, accepted: Accepted, *, waited: int | None) -> Response:
    run = accepted.run
    data = accepted_data(
        accepted, _result_link(service, accepted.resolution) if accepted.done else None
    )
    headers = {"Location": data["status_url"]}
    if waited is not None:
        headers["Preference-Applied"] = f"wait={waited}"
    if waited is None or run is None or accepted.done or run.status not in _NO_RESULT:
        return json_response(data, headers=headers)
    data |= {"error": run.error, "failed_log_url": failed_log_url(run)}
    status, reason = _NO_RESULT[run.status]
    message = f"{reason}: {run.error}" if run.error else f"{reason}."
    return json_response(data, status=status, message=message, headers=headers)


def _result_link(service: Service, resolution: Resolution) -> Link | None:
    """Return the URL of a result that is there, if it is a single file."""
    key, life = parse_key(resolution.key), links.POST_LINK_LIFE
    if resolution.output:
        return links.result_link(resolution.storage, key, resolution.output, life)
    files = service.results.at(resolution.results, resolution.storage)
    return links.file_link(key, files[0], life) if len(files) == 1 else None


def _preferred_wait() -> int | None:
    """Return the seconds of ``Prefer: wait=N`` (RFC 7240 section 4.3), at most 60, or None."""
    found = _WAIT.search(request.headers.get("Prefer", ""))
    return min(int(found[1]), LONGEST_WAIT) if found else None
