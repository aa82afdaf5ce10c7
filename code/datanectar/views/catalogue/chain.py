"""``/chains/<type>/<chain>``: a chain, its tasks, its graph before any run, and its runs in numbers."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response, request

from datanectar.errors import DatanectarError
from datanectar.messages import ChainDescription, TaskDescription
from datanectar.service.service import Service
from datanectar.views.catalogue.charts import HEIGHT, WIDTH, chart
from datanectar.views.catalogue.listing import Row, rows_of
from datanectar.views.catalogue.outlines import Outlines, address, task_rows
from datanectar.views.graph import drawing
from datanectar.views.markup import docstring
from datanectar.views.pages import page

#: So many of the last runs are drawn.
_DRAWN = 500


def blueprint(service: Service) -> Blueprint:
    """Return the page of a chain."""
    routes = Blueprint("chain_page", __name__)
    outlines = Outlines(service)

    @routes.get("/chains/<type>/<chain>")
    def chain(type: str, chain: str) -> Response:
        described = service.catalog.chain_soon(type, chain)
        if described.reading and not described.tasks:
            return page("reading.html", chain=described, name=described.name)
        rows = rows_of(service, [described])[type, chain]
        task = _chosen(rows, request.args.get("task", ""))
        return page(
            "chain.html",
            chain=described,
            doc=docstring(described.doc),
            rows=rows,
            chosen=task,
            chart=chart(service.store.briefs(type, chain, task.name, _DRAWN)) if task else None,
            chart_size=(WIDTH, HEIGHT),
            **_graph(outlines, described, task),
        )

    return routes


def _chosen(rows: list[Row], name: str) -> TaskDescription | None:
    """Return the task that is asked for, else the one that ran last, else the last in the file."""
    by_name = {row.task.name: row.task for row in rows}
    ran = [(row.latest.created, row.task) for row in rows if row.latest]
    latest = max(ran, key=lambda pair: pair[0])[1] if ran else None
    return by_name.get(name) or latest or next(reversed(by_name.values()), None)


def _graph(
    outlines: Outlines, chain: ChainDescription, task: TaskDescription | None
) -> dict[str, Any]:
    """Return the drawing of what the task would run with its defaults, or why there is none."""
    empty: dict[str, Any] = {"drawing": None, "why": "", "is_drawn_later": False, "links": {}}
    if task is None:
        return empty
    if needed := [item.name for item in task.parameters if item.required]:
        return {**empty, "why": f"It depends on {', '.join(needed)}: fill in its form."}
    return {**empty, **graph_values(outlines, chain, task.name, {})}


def graph_values(
    outlines: Outlines, chain: ChainDescription, task: str, raw: dict[str, Any]
) -> dict[str, Any]:
    """Return what ``outline.html`` shows of what a request would run."""
    try:
        outline = outlines.soon(chain, task, raw)
    except DatanectarError as problem:
        return {"why": problem.message}
    if outline is None:
        return {"is_drawn_later": True}
    return {
        "drawing": drawing.draw(
            task_rows(outline), by_family=len(outline.tasks) > drawing.COMFORTABLE
        ),
        "box": (drawing.WIDTH, drawing.HEIGHT),
        "links": {task.task_id: address(task) for task in outline.tasks},
        "outline": outline,
        "there": sum(1 for task in outline.tasks if task.complete),
    }
