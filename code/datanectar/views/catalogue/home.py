"""``/``: the chains, the latest runs, and the health of the service."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import groupby
from typing import Any

from flask import Blueprint, Response, request

from datanectar.api.health import health
from datanectar.catalog.listing_cache import PAGE_PATIENCE
from datanectar.messages import ChainDescription
from datanectar.runs.store import RunFilters
from datanectar.service.service import Service
from datanectar.views.live import live_events, live_page

#: The number of chains on a page.
PAGE = 40
_LATEST_RUNS = 10


@dataclass(frozen=True)
class Listing:
    """A page of the chains that match, by type; ``total`` counts all that match."""

    groups: list[tuple[str, list[ChainDescription]]]
    total: int
    number: int
    pages: int
    types: list[str]
    broken: int


def blueprint(service: Service) -> Blueprint:
    """Return the page, and the stream of what changes in it."""
    routes = Blueprint("home", __name__)

    @routes.get("/")
    def home() -> Response:
        listing = list_chains(
            service.catalog.chains(PAGE_PATIENCE),
            request.args.get("q", ""),
            request.args.get("type", ""),
            request.args.get("page", ""),
        )
        values = _live_values(service)
        shown = {"listing": listing, "chains": service.settings.chains}
        return live_page("home.html", "home_parts.html", values, **shown)

    @routes.get("/events")
    def events() -> Response:
        return live_events("home_parts.html", lambda: _live_values(service))

    return routes


def _live_values(service: Service) -> dict[str, Any]:
    runs, _ = service.store.list_runs(RunFilters(), cursor=None, limit=_LATEST_RUNS)
    return {
        "runs": runs,
        "health": health(service),
        "counts": service.store.active_counts(),
        "luigid_url": service.luigid.url,
    }


def list_chains(chains: list[ChainDescription], words: str, type: str, number: str) -> Listing:
    """Return the page ``number`` of the chains of a type whose names or docs hold all the words."""
    searched = words.lower().split()
    matching = [
        chain
        for chain in chains
        if (not type or chain.type == type) and all(word in _text(chain) for word in searched)
    ]
    pages = max(1, -(-len(matching) // PAGE))
    current = min(max(1, int(number)), pages) if number.isdecimal() and len(number) < 9 else 1
    shown = matching[(current - 1) * PAGE : current * PAGE]
    return Listing(
        [(name, list(group)) for name, group in groupby(shown, key=lambda chain: chain.type)],
        len(matching),
        current,
        pages,
        sorted({chain.type for chain in chains}),
        sum(1 for chain in chains if chain.error),
    )


def _text(chain: ChainDescription) -> str:
    names = (f"{task.name} {task.doc}" for task in chain.tasks)
    return " ".join((chain.type, chain.name, chain.doc, *names)).lower()
