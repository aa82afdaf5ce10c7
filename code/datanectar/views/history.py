"""``/history``: the runs there were, filtered, newest first."""

from __future__ import annotations

import contextlib
from datetime import datetime, timezone
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from flask import Blueprint, Response, request
from werkzeug.datastructures import MultiDict

from datanectar.api.runs import STATUSES, asked_history
from datanectar.errors import BadRequest
from datanectar.runs.records import Run
from datanectar.service.service import Service
from datanectar.views.pages import page

#: Names that the form suggests at most, of chains and of tasks.
_SUGGESTED = 200
_FIELDS = {"status", "type", "chain", "task", "param", "since", "until", "zone"}


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
            filters, cursor, limit = asked_history(_with_zone(asked))
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


def _with_zone(asked: MultiDict[str, str]) -> MultiDict[str, str]:
    """Return the filters as the API knows them: times with the offset of the form's zone.

    Raises:
        BadRequest: when there is no such zone.
    """
    name = asked.get("zone", "UTC")
    try:
        zone = timezone.utc if name == "UTC" else ZoneInfo(name)
    except (ValueError, OSError, KeyError) as problem:
        raise BadRequest(
            f"There is no time zone {name[:50]!r}; one is called like Europe/Berlin.",
            fields={"zone": "a name such as Europe/Berlin"},
        ) from problem
    aware = MultiDict([(name, text) for name, text in asked.items(multi=True) if name != "zone"])
    for field in ("since", "until"):
        with contextlib.suppress(KeyError, ValueError):  # what is no time is told by who reads it
            moment = datetime.fromisoformat(aware[field])
            if moment.tzinfo is None:
                aware.setlist(field, [moment.replace(tzinfo=zone).isoformat()])
    return aware


def _address(filters: dict[str, list[str]]) -> str:
    return f"/history?{urlencode(filters, doseq=True)}"


def _asked() -> MultiDict[str, str]:
    """Return the filters that are not left empty."""
    pairs = ((name, text.strip()) for name, text in request.args.items(multi=True))
    asked = MultiDict([(name, text) for name, text in pairs if text])
    return asked if asked.keys() - {"zone"} else MultiDict()  # a zone alone filters nothing
