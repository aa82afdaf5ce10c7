"""``/api/chains``: what there is, what a request would run, and running it."""

from __future__ import annotations

import json
import re
import threading
from dataclasses import asdict
from typing import Any

from flask import Blueprint, Response, request

from datanectar.api import links
from datanectar.api.answer import answer
from datanectar.api.given import given_parameters
from datanectar.api.links import status_url, url
from datanectar.api.present import failed_log_url
from datanectar.errors import NotFound
from datanectar.execution.service import Accepted, Service
from datanectar.keys import parse_key
from datanectar.records import DONE, FAILED, Chain, Run, Task

#: The longest that a POST may wait for its run, in seconds (RFC 7240 ``Prefer: wait``).
LONGEST_WAIT = 60

_WAIT = re.compile(r"(?:^|[,;\s])wait\s*=\s*\"?(\d{1,9})", re.ASCII | re.IGNORECASE)


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
        chains = [chain for chain in service.catalog.chains() if chain.type == type]
        if not chains:
            raise NotFound(f"There is no chain of type {type[:100]!r}; GET /api/chains lists all.")
        return answer([_chain(chain) for chain in chains])

    @routes.get("/<type>/<chain>")
    def one_chain(type: str, chain: str) -> Response:
        return answer(_chain(service.catalog.chain(type, chain)))

    @routes.get("/<type>/<chain>/<task>")
    def one_task(type: str, chain: str, task: str) -> Response:
        described = service.catalog.chain(type, chain)
        for item in described.tasks:
            if item.name == task:
                return answer(_task(described, item))
        why = (
            described.error or f"its tasks: {', '.join(t.name for t in described.tasks) or 'none'}"
        )
        raise NotFound(f"{type}/{chain} has no task {task[:100]!r}; {why}.")

    @routes.get("/<type>/<chain>/<task>/key")
    def key(type: str, chain: str, task: str) -> Response:
        return answer(_explanation(service, type, chain, task))

    @routes.post("/<type>/<chain>/<task>")
    def run(type: str, chain: str, task: str) -> Response:
        return _run(service, waiters, type, chain, task)

    @routes.post("/<type>/<task>")
    def run_by_short_form(type: str, task: str) -> Response:
        return _run(service, waiters, type, service.chain_of_task(type, task), task)

    return routes


def _chain(chain: Chain) -> dict[str, Any]:
    return {
        "type": chain.type,
        "name": chain.name,
        "doc": chain.doc,
        "error": chain.error,
        "reading": chain.reading,
        "api_href": url(f"/api/chains/{chain.type}/{chain.name}"),
        "tasks": [_task(chain, task) for task in chain.tasks],
    }


def _task(chain: Chain, task: Task) -> dict[str, Any]:
    return {
        **asdict(task),
        "api_href": url(f"/api/chains/{chain.type}/{chain.name}/{task.name}"),
    }


def _run(
    service: Service, waiters: threading.Semaphore, type: str, chain: str, task: str
) -> Response:
    wait = _preferred_wait()
    accepted = service.accept(type, chain, task, given_parameters())
    if wait is None or accepted.run is None or accepted.done:
        return _accepted(accepted, waited=wait)
    if not waiters.acquire(blocking=False):  # a preference, which may go unheard (RFC 7240)
        return _accepted(accepted, waited=None)
    try:
        run = service.wait(accepted.run.id, wait)
    finally:
        waiters.release()
    return _accepted(Accepted(accepted.resolution, run, run.status == DONE), waited=wait)


def _accepted(accepted: Accepted, *, waited: int | None) -> Response:
    resolution, run = accepted.resolution, accepted.run
    location = status_url(resolution.key, resolution.output)
    target, life = None, links.STATUS_LINK_LIFE
    if accepted.done and resolution.output:
        key = parse_key(resolution.key)
        link = links.result_link(resolution.storage, key, resolution.output, links.POST_LINK_LIFE)
        target, life = link.url, link.expires_in or links.POST_LINK_LIFE
    data = {
        "key": resolution.key,
        "status_url": location,
        "expires_in": life,
        "job_status": DONE if accepted.done else _status(run),
        "run_id": run.id if run else None,
        "target_url": target,
    }
    if waited is not None and run is not None and run.status == FAILED:
        data |= {"error": run.error, "failed_log_url": failed_log_url(run)}
    headers = {"Location": location}
    if waited is not None:
        headers["Preference-Applied"] = f"wait={waited}"
    return answer(data, headers=headers)


def _status(run: Run | None) -> str | None:
    return run.status if run else None


def _explanation(service: Service, type: str, chain: str, task: str) -> dict[str, Any]:
    resolution = service.resolve(type, chain, task, given_parameters())
    complete = service.is_complete(resolution)
    made_by = service.store.latest_done(resolution.key) if complete else None
    return {
        "key": resolution.key,
        "task_id": resolution.task_id,
        "parameters": resolution.public_params,
        "defaults": resolution.defaulted,
        "hashed": _hashed(resolution.source, resolution.public_params),
        "run_time": resolution.run_time,
        "storage": resolution.storage,
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
