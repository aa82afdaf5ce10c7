"""Accounts that are limited to types of chains: what each request is about, and whether it may be.

A route that is neither about a type nor in :data:`SIFTED` is closed to them, so that a new one is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from flask import request

from datanectar.backfills.store import BackfillStore
from datanectar.errors import Forbidden
from datanectar.http.identity import current
from datanectar.keys import parse_key, parse_target
from datanectar.service.service import Service

#: Endpoints that show nothing of any chain, or leave out themselves what the account may not see.
SIFTED = frozenset(
    {
        "backfills.every_backfill",
        "backfills.start",
        "backfills_page.every_backfill",
        "backfills_page.start",
        "chains.every_chain",
        "docs.docs",
        "guide.file",
        "guide.start",
        "health.alive",
        "health.ready",
        "history_page.change",
        "history_page.events",
        "history_page.history",
        "history_page.table",
        "home.events",
        "home.home",
        "lineage.of_tasks",
        "lineage_page.of_all",
        "login.ask",
        "login.enter",
        "login.leave",
        "login.oidc",
        "login.oidc_back",
        "openapi.openapi",
        "runs.history",
        "schedules.every_schedule",
        "schedules_page.events",
        "schedules_page.every_schedule",
        "static_files.static_file",
        "whoami.whoami",
    }
)


def check(service: Service) -> None:
    """Refuse a request about chains of a type that its account may not see.

    Raises:
        NotFound: naming the types that it may see.
        Forbidden: when the route is about all chains.
        BadRequest: when the request names a key that is none.
    """
    if current.types() is None or request.endpoint is None:
        return
    is_known = request.endpoint in SIFTED or request.endpoint in _BY_QUERY
    if not is_known and not {*(request.view_args or {})} & {*_READERS}:
        raise Forbidden(f"This is about all chains; {current.name()} may only see some.")
    current.require_types(*_types(service))


def _types(service: Service) -> Iterator[str]:
    """Yield the types that the request is about."""
    args = request.view_args or {}
    if request.endpoint in _BY_QUERY:
        args = {"chain_key": request.args.get("chain"), "run_id": request.args.get("run"), **args}
    for name, text in args.items():
        if text and name in _READERS:
            yield from _READERS[name](service, str(text))


def _of_run(service: Service, run_id: str) -> list[str]:
    run = service.store.get(run_id)
    return [run.type] if run else []


def _of_backfill(service: Service, backfill_id: str) -> list[str]:
    backfill = BackfillStore(service.store.database).get(backfill_id)
    return [backfill.type] if backfill else []


def _of_target(service: Service, target: str) -> list[str]:
    return [parse_key("/".join(target.removeprefix("/").split("/", 5)[:5])).type]


#: How the type is read from each part of an address.
_READERS: dict[str, Callable[[Service, str], list[str]]] = {
    "type": lambda _, text: [text],
    "run_id": _of_run,
    "other_id": _of_run,
    "backfill_id": _of_backfill,
    "target": _of_target,
    "key": lambda _, text: [parse_key(f"chains/{text}").type],
    "chain_key": lambda _, text: [parse_target(text)[0].type],
}
#: Endpoints whose query names a key, and maybe a run.
_BY_QUERY = (
    "lineage.drop",
    "lineage.of_result",
    "logs.chainlog",
    "runs_page.events",
    "status.chaingraph",
    "status.chainstatus",
)
