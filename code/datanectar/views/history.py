"""``/history``: the runs there were, filtered, newest first."""

from __future__ import annotations

from urllib.parse import urlencode

from flask import Blueprint, Response, request
from werkzeug.datastructures import MultiDict

from datanectar.api.runs import STATUSES, asked_history
from datanectar.errors import BadRequest
from datanectar.execution.service import Service
from datanectar.records import Run
from datanectar.views.pages import page

#: Names that the form suggests at most, of chains and of tasks.
_SUGGESTED = 200
_FIELDS = {"status", "type", "chain", "task", "param", "since", "until"}


#: Seconds to wait for chains that are being read: they are but suggestions for the filters here.
_PATIENCE = 0.5


def blueprint(service: Service) -> Blueprint:
    """Return the page."""
    routes = Blueprint("history_page", __name__)

    @routes.get("/history")
    def history() -> Response:
        asked = _asked()
        problem: BadRequest | None = None
        runs: list[Run] = []
        following = None
        try:
            filters, cursor, limit = asked_history(asked)
            runs, following = service.store.list_runs(filters, cursor=cursor, limit=limit)
        except BadRequest as error:
            problem = error
        newest = {name: asked.getlist(name) for name in asked if name != "cursor"}
        chains = service.catalog.chains(_PATIENCE)
        return page(
            "history.html",
            status=problem.status if problem else 200,
            asked=asked,
            runs=runs,
            problem=problem,
            beside_a_field=bool(problem and _FIELDS & problem.fields.keys()),
            newest=_address(newest),
            older=_address({**newest, "cursor": [following]}) if following else "",
            statuses=STATUSES,
            types=sorted({chain.type for chain in chains}),
            chains=sorted({chain.name for chain in chains})[:_SUGGESTED],
            tasks=sorted({task.name for chain in chains for task in chain.tasks})[:_SUGGESTED],
        )

    return routes


def _address(filters: dict[str, list[str]]) -> str:
    return f"/history?{urlencode(filters, doseq=True)}"


def _asked() -> MultiDict[str, str]:
    """Return the filters that are not left empty."""
    pairs = ((name, text.strip()) for name, text in request.args.items(multi=True))
    return MultiDict([(name, text) for name, text in pairs if text])
