"""``/chains/<type>/<chain>/<Task>/grid``: the task by the values of a parameter, such as days.

A child works out the keys and looks which results are there; what became of the others is looked up
in the run store, by key. So the cost depends on the grid's size, and not on how much has ever run.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from flask import Blueprint, Response, redirect, request, url_for

from datanectar.backfills.backfills import BackfillRequest, Backfills
from datanectar.errors import BadRequest, DatanectarError
from datanectar.http.identity import current
from datanectar.keys import run_time_text
from datanectar.messages import ChainDescription, TaskDescription
from datanectar.messages.pages import MOST_COLUMNS, Grid, GridJob
from datanectar.service.service import Service
from datanectar.views.background import Background
from datanectar.views.catalogue.tasks import is_unread, task_in
from datanectar.views.grid import cells
from datanectar.views.live import live_events, live_page
from datanectar.views.pages import page

#: How many values a grid may have, the first by default; and the tasks of a cell that are listed.
COUNTS = (28, 14, MOST_COLUMNS)
_LISTED = 50
#: The last runs that are asked for values.
_RAN = 100
#: What the query names; the values of other parameters come as ``p.<name>``.
_ASKED = ("over", "last", "count", "column", "family")
_LIVE = "grid_parts.html"


@dataclass(frozen=True)
class Asked:
    """What the page's query asks for: see ``_ASKED``; ``fixed`` has values by parameter."""

    view: dict[str, str]
    fixed: dict[str, str]

    @classmethod
    def of(cls, args: Mapping[str, str]) -> Asked:
        """Return what a query asks for; what is empty asks for nothing."""
        view = {name: args[name] for name in _ASKED if args.get(name)}
        fixed = {name[2:]: text for name, text in args.items() if name[:2] == "p." and text}
        return cls(view, fixed)

    @property
    def is_changed(self) -> bool:
        """Whether other columns or values are asked for than the first ones."""
        return bool(self.fixed or {*self.view} - {"column", "family"})

    @property
    def count(self) -> int:
        """How many values are shown."""
        text = self.view.get("count", "")
        return (
            min(max(1, int(text)), MOST_COLUMNS)
            if text.isdecimal() and len(text) < 4
            else COUNTS[0]
        )

    def address(self, path: str) -> Callable[..., str]:
        """Return the function that makes an address of this page, with changes of the view."""
        fixed = {f"p.{name}": text for name, text in self.fixed.items()}

        def view(**changes: str) -> str:
            values = {**self.view, **changes, **fixed}
            return f"{path}?{urlencode({name: text for name, text in values.items() if text})}"

        return view


class GridPage:
    """What the routes of a grid do.

    Args:
        service: whose children work grids out, and whose run store is looked into.
    """

    def __init__(self, service: Service) -> None:
        self._service = service
        self._background: Background[Grid] = Background(service)
        self._backfills = Backfills(service)

    def show(self, type: str, chain: str, task: str, **more: Any) -> Response:
        """Return the page; ``more`` is what a backfill's form led to."""
        described = self._service.catalog.chain_soon(type, chain)
        if is_unread(described, task):
            return page("reading.html", chain=described, name=task)
        own, asked = task_in(described, task), Asked.of(request.args)
        grid, problem = self._grid(described, own, asked)
        values = self._values(described, own, asked, grid)
        status = problem.status if problem else 200
        more = {"problem": problem, "plan": None, "refused": None, "sent": {}, **more}
        stream = (
            f"{values['path']}/events?{request.query_string.decode()}"
            if grid or not problem
            else ""
        )
        shown = live_page("grid.html", _LIVE, values, stream=stream, **more)
        shown.status_code = more["refused"].status if more["refused"] else status
        return shown

    def events(self, type: str, chain: str, task: str) -> Response:
        """Return the stream of what changes; the keys are those that were found at its begin."""
        described = self._service.catalog.chain_soon(type, chain)
        own, asked = task_in(described, task), Asked.of(request.args)
        known: list[Grid] = []

        def values() -> dict[str, Any]:
            if not known:
                grid, _ = self._grid(described, own, asked)
                known.extend([grid] if grid else [])
            return self._values(described, own, asked, known[0] if known else None)

        return live_events(_LIVE, values)

    def backfill(self, type: str, chain: str, task: str) -> Response:
        """Show what a backfill from one column to another would make, or start it."""
        form = {name: request.form.get(name, "") for name in ("first", "last", "do")}
        try:
            wanted = self._wanted(type, chain, task, form)
            if form["do"] == "start":
                backfill, _ = self._backfills.start(wanted, current.name())
                address = url_for("backfills_page.one", backfill_id=backfill.id)
                return redirect(address, 303)  # type: ignore[return-value]
            plan = self._backfills.plan(wanted)
        except DatanectarError as problem:
            return self.show(type, chain, task, refused=problem, sent=form)
        missing = [item for item in plan if not item.complete]
        return self.show(type, chain, task, plan=plan, missing=missing, sent=form)

    def _wanted(self, type: str, chain: str, task: str, form: dict[str, str]) -> BackfillRequest:
        described = self._service.catalog.chain(type, chain)
        own, asked = task_in(described, task), Asked.of(request.args)
        grid, problem = self._grid(described, own, asked)
        if grid is None:
            raise problem or BadRequest(
                "The grid is still being worked out: try again in a moment."
            )
        ends = (form["first"], form["last"])
        if not set(ends) <= set(grid.columns):
            raise BadRequest(f"{' to '.join(ends)}: the grid does not have these columns any more.")
        first, last = sorted(map(grid.columns.index, ends))
        values = grid.columns[first : last + 1]
        over = f"{values[0]}..{values[-1]}" if grid.is_range and len(values) > 1 else values
        needed = [item.name for item in own.parameters if item.required and item.name in grid.fixed]
        params = {**{name: grid.fixed[name] for name in needed}, **asked.fixed}
        params.pop(grid.over, None)
        return BackfillRequest(type, chain, task, {grid.over: over}, params)

    def _grid(
        self, chain: ChainDescription, task: TaskDescription, asked: Asked
    ) -> tuple[Grid | None, DatanectarError | None]:
        """Return the grid, or None while it is being worked out, and why there is none."""
        store, path = self._service.store, (chain.type, chain.name, task.name)
        ran = store.ran_params(path, _RAN)
        if not ran:  # others require it
            prefix = f"chains/{'/'.join(path)}/"
            ran = [made.params for made in store.newest_keys(prefix, (), _RAN) if made.params]
        over, last = (asked.view.get(name, "") for name in ("over", "last"))
        raw = {name: text for name, text in asked.fixed.items() if name != over}
        job = GridJob(
            chain.type, chain.name, task.name, raw, run_time_text(), over, last, asked.count, ran
        )
        try:
            return self._background.soon(chain, job), None
        except DatanectarError as problem:
            return None, problem

    def _values(
        self, chain: ChainDescription, task: TaskDescription, asked: Asked, grid: Grid | None
    ) -> dict[str, Any]:
        """Return what the templates show."""
        path = f"/chains/{chain.type}/{chain.name}/{task.name}/grid"
        values = {
            "chain": chain,
            "task": task,
            "path": path,
            "view": asked.address(path),
            "asked": asked,
            "grid": grid,
            "counts": COUNTS,
            "marks": cells.MARKS,
            "in_words": cells.in_words,
            "choices": [item for item in task.parameters if item.significant and not item.private],
        }
        return {**values, **self._shown(chain, grid, asked)} if grid else values

    def _shown(self, chain: ChainDescription, grid: Grid, asked: Asked) -> dict[str, Any]:
        family, column = asked.view.get("family", ""), asked.view.get("column", "")
        chosen = cells.tasks_of(grid, family, column)[:_LISTED]
        keys = {*cells.keys_to_look_up(grid), *(task.key for task in chosen if task.key)}
        states = self._service.store.key_states(sorted(keys))
        rows = cells.rows(grid, states)
        over, short = cells.heads(grid.columns)
        return {
            "rows": rows[: cells.MOST_ROWS],
            "left_out": max(0, len(rows) - cells.MOST_ROWS),
            "over": over,
            "short": short,
            "cell": _cell(rows, family, column),
            "chosen": [
                (
                    task,
                    cells.status_of(task, states, grid.looked),
                    states.get(task.key or ""),
                    _route(chain, task.key or ""),
                )
                for task in chosen
            ],
        }


def _route(chain: ChainDescription, key: str) -> str:
    """Return the address that a key's task is run at; empty when it has none, as far as is known."""
    home, _, name = key.rpartition("/")[0].rpartition("/")
    is_own = home == f"chains/{chain.type}/{chain.name}"
    has_none = not key or (is_own and all(task.name != name for task in chain.tasks))
    return "" if has_none else f"/{home}/{name}"


def _cell(rows: list[cells.Row], family: str, column: str) -> tuple[cells.Row, cells.Cell] | None:
    for row in rows:
        for cell in row.cells:
            if cell and row.family == family and cell.column == column:
                return row, cell
    return None


def blueprint(service: Service) -> Blueprint:
    """Return the page of a grid, the stream of what changes in it, and the target of its form."""
    routes = Blueprint("grid_page", __name__, url_prefix="/chains/<type>/<chain>/<task>/grid")
    grids = GridPage(service)

    @routes.get("")
    def grid(type: str, chain: str, task: str) -> Response:
        return grids.show(type, chain, task)

    @routes.get("/events")
    def events(type: str, chain: str, task: str) -> Response:
        return grids.events(type, chain, task)

    @routes.post("")
    def backfill(type: str, chain: str, task: str) -> Response:
        return grids.backfill(type, chain, task)

    return routes
