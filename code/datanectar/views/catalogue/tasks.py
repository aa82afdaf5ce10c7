"""``/chains/<type>/<chain>/<Task>``: a task, its form, and starting it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from flask import Blueprint, Response, redirect, request, url_for
from werkzeug.datastructures import MultiDict

from datanectar.catalog.files import no_task
from datanectar.errors import BadRequest, ChainError, DatanectarError, KeyUndefined, NotFound
from datanectar.http.identity import current
from datanectar.messages import ChainDescription, TaskDescription
from datanectar.runs.records import Run
from datanectar.runs.store import RunFilters
from datanectar.service.service import Service
from datanectar.telemetry.context import bind
from datanectar.views.catalogue import forms
from datanectar.views.catalogue.chain import graph_values
from datanectar.views.catalogue.commands import commands
from datanectar.views.catalogue.outlines import Outlines
from datanectar.views.markup import docstring
from datanectar.views.pages import page

_LATEST_RUNS = 8


def blueprint(service: Service) -> Blueprint:
    """Return the page, the target of its form, and what looks without running."""
    routes = Blueprint("tasks", __name__, url_prefix="/chains/<type>/<chain>/<task>")
    outlines = Outlines(service)

    @routes.get("")
    def form(type: str, chain: str, task: str) -> Response:
        return show(service, type, chain, task, typed=request.args)

    @routes.post("")
    def run(type: str, chain: str, task: str) -> Response:
        described = find(service, type, chain, task)[1]
        return start(service, type, chain, task, forms.sent_values(described.parameters, _form()))

    @routes.post("/key")
    def key(type: str, chain: str, task: str) -> Response:
        described = find(service, type, chain, task)[1]
        raw = forms.sent_values(described.parameters, _form())
        try:
            resolution = service.resolve(type, chain, task, raw)
            found = {"resolution": resolution, "complete": service.is_complete(resolution)}
        except (BadRequest, ChainError, KeyUndefined) as problem:
            return show(service, type, chain, task, typed=request.form, problem=problem)
        return show(service, type, chain, task, typed=request.form, key=found)

    @routes.post("/graph")
    def graph(type: str, chain: str, task: str) -> Response:
        described, own = find(service, type, chain, task)
        raw = forms.sent_values(own.parameters, _form())
        graph = graph_values(outlines, described, task, raw)
        return show(service, type, chain, task, typed=request.form, graph=graph)

    return routes


def start(
    service: Service,
    type: str,
    chain: str,
    task: str,
    raw: dict[str, Any],
    at: datetime | None = None,
) -> Response:
    """Run the task and redirect to the run's page; a refused request is shown in the form."""
    try:
        accepted = service.accept(
            type, chain, task, raw, trigger="page", at=at, requested_by=current.name()
        )
    except (BadRequest, ChainError, KeyUndefined) as problem:
        return show(service, type, chain, task, typed=raw, problem=problem)
    if accepted.run is not None:
        bind(run_id=accepted.run.id)
        there = 1 if accepted.done else None
        address = url_for("runs_page.run", run_id=accepted.run.id, there=there)
    else:
        address = url_for("results.result", key=accepted.resolution.key.removeprefix("chains/"))
    return redirect(address, 303)  # type: ignore[return-value]


def show(
    service: Service,
    type: str,
    chain: str,
    task: str,
    *,
    typed: Mapping[str, str],
    problem: DatanectarError | None = None,
    key: dict[str, Any] | None = None,
    graph: dict[str, Any] | None = None,
) -> Response:
    """Return the task's page, with the typed values and what is wrong with them."""
    described_chain = service.catalog.chain_soon(type, chain)
    if is_unread(described_chain, task):
        return page("reading.html", chain=described_chain, name=task)
    described = task_in(described_chain, task)
    errors = problem.fields if problem else {}
    fields = forms.fields(described.parameters, _last(typed, described), errors)
    names = {item.name for item in described.parameters}
    return page(
        "task.html",
        status=problem.status if problem else 200,
        chain=described_chain,
        task=described,
        fields=fields,
        problem=problem,
        beside={name: why for name, why in errors.items() if name not in names},
        key=key,
        graph=graph,
        runs=_latest(service, type, chain, task),
        doc=docstring(described.doc),
        commands=commands(f"{type}/{chain}/{task}", request.url_root, fields),
    )


def find(
    service: Service, type: str, chain: str, task: str
) -> tuple[ChainDescription, TaskDescription]:
    """Return a chain and its task as they are on disk now.

    Raises:
        ChainError: when the chain can't be imported.
        NotFound: when it has no such task.
    """
    described = service.catalog.chain(type, chain)
    return described, task_in(described, task)


def is_unread(chain: ChainDescription, task: str) -> bool:
    """Tell whether it is not known yet that the chain has the task."""
    return chain.reading and all(item.name != task for item in chain.tasks)


def task_in(chain: ChainDescription, task: str) -> TaskDescription:
    """Return a task of a chain.

    Raises:
        ChainError: when the chain can't be imported.
        NotFound: when it has no such task.
    """
    for item in chain.tasks:
        if item.name == task:
            return item
    if chain.error:
        raise ChainError(f"{chain.type}/{chain.name} can't be imported: {chain.error}")
    raise NotFound(no_task(chain, task))


def _form() -> MultiDict[str, str]:
    try:
        return request.form
    except ValueError as problem:
        raise BadRequest(f"The form can't be read: {problem}.") from problem


def _latest(service: Service, type: str, chain: str, task: str) -> list[Run]:
    filters = RunFilters(type=type, chain=chain, task=task)
    return service.store.list_runs(filters, cursor=None, limit=_LATEST_RUNS)[0]


def _last(typed: Mapping[str, Any], task: TaskDescription) -> dict[str, str]:
    """Return the text of each name that a form was sent with, or a query string fills it with."""
    if isinstance(typed, MultiDict):
        known = {item.name: item for item in task.parameters}
        pairs = ((name, typed.getlist(name)) for name in typed)
        return {
            name: forms.sent_text(known[name], texts) if name in known else texts[-1]
            for name, texts in pairs
        }
    return {name: str(value) for name, value in typed.items()}
