"""``/api/chains``: what there is, what a request would run, and running it."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import asdict
from typing import Any

from flask import Blueprint, Response, request
from werkzeug.datastructures import MultiDict

from datanectar.api import links
from datanectar.api.answer import answer
from datanectar.api.links import status_url, url
from datanectar.errors import BadRequest, NotFound
from datanectar.execution.service import Accepted, Service
from datanectar.keys import parse_key
from datanectar.records import DONE, Chain, Run, Task

#: The longest that a POST may wait for its run, in seconds (RFC 7240 ``Prefer: wait``).
LONGEST_WAIT = 60.0


def blueprint(service: Service) -> Blueprint:
    """Return the routes below ``/api/chains``."""
    routes = Blueprint("chains", __name__, url_prefix="/api/chains")

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
        return _run(service, type, chain, task)

    @routes.post("/<type>/<task>")
    def run_by_short_form(type: str, task: str) -> Response:
        return _run(service, type, service.chain_of_task(type, task), task)

    return routes


def _chain(chain: Chain) -> dict[str, Any]:
    return {
        "type": chain.type,
        "name": chain.name,
        "doc": chain.doc,
        "error": chain.error,
        "api_href": url(f"/api/chains/{chain.type}/{chain.name}"),
        "tasks": [_task(chain, task) for task in chain.tasks],
    }


def _task(chain: Chain, task: Task) -> dict[str, Any]:
    return {
        **asdict(task),
        "api_href": url(f"/api/chains/{chain.type}/{chain.name}/{task.name}"),
    }


def _run(service: Service, type: str, chain: str, task: str) -> Response:
    wait = _preferred_wait()
    accepted = service.accept(type, chain, task, given_parameters())
    if accepted.run is not None and not accepted.done and wait:
        run = service.wait(accepted.run.id, wait)
        accepted = Accepted(accepted.resolution, run, run.status == DONE)
    return _accepted(accepted, waited=wait is not None)


def _accepted(accepted: Accepted, *, waited: bool) -> Response:
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
    headers = {"Location": location}
    if waited:
        headers["Preference-Applied"] = request.headers["Prefer"]
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
    import json

    return set(json.loads(source)) - {"version", "date"} <= set(public)


def given_parameters() -> dict[str, Any]:
    """Return the request's parameters, from the query string, a form or a JSON object.

    Raises:
        BadRequest: when one is given twice, or the JSON is not an object.
    """
    pairs = list(_text_pairs(request.args)) + list(_text_pairs(request.form))
    if request.mimetype == "application/json":
        pairs += _json_pairs()
    given: dict[str, Any] = {}
    twice = {
        name: "given more than once"
        for name, _ in pairs
        if name in given or given.update({name: 1})
    }
    if twice:
        raise BadRequest(f"Given more than once: {', '.join(twice)}.", fields=twice)
    return dict(pairs)


def _text_pairs(values: MultiDict[str, str]) -> Iterable[tuple[str, str]]:
    return values.items(multi=True)


def _json_pairs() -> list[tuple[str, Any]]:
    if not request.get_data(cache=True).strip():
        return []
    body = request.get_json(silent=True)
    if not isinstance(body, dict):
        raise BadRequest('The body is not a JSON object; send parameters as {"name": value, ...}.')
    return list(body.items())


def _preferred_wait() -> float | None:
    """Return the seconds of ``Prefer: wait=N`` (RFC 7240 section 4.3), capped, or None."""
    found = re.search(r"(?:^|[,;\s])wait\s*=\s*\"?(\d{1,9})", request.headers.get("Prefer", ""))
    return min(float(found[1]), LONGEST_WAIT) if found else None
