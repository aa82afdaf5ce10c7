"""Dropping a result with all that was made from it, so that nothing stays that was made of an old one."""

from __future__ import annotations

from collections.abc import Collection

from datanectar.errors import Conflict, NotFound
from datanectar.keys import Key, parse_key
from datanectar.lineage.results import Lineage, lineage
from datanectar.service.drop import drop_results, refuse_other_types
from datanectar.service.service import Service


def drop_with_downstream(
    service: Service, key: Key, types: Collection[str] | None = None
) -> tuple[dict[str, list[str]], dict[str, str]]:
    """Delete a result and those that were made from it, or none of them; logs and history stay.

    What was made from a result goes before that result: whatever ends this half-way, it can be done
    again, and nothing is there whose inputs are not.

    Args:
        types: the types of chains whose results may be dropped; None: all.

    Returns:
        The names of the deleted files by key; and by key why a result was kept.

    Raises:
        Forbidden: when a result of another type would be dropped.
        Conflict: while a run makes or needs one of them, or when there are too many.
        NotFound: when none of them is there.
    """
    found = lineage(service, key, up=False)
    if found.is_cut:
        raise Conflict(
            f"More was made from {key} than can be dropped at once: begin with what was made from it."
        )
    refuse_other_types(keys := downstream_first(found), types)
    dropped, kept = drop_results(service.store, service.results, keys)
    if not dropped and not kept:
        raise NotFound(f"{key} has no result to drop, and nothing that was made from it has one.")
    return dropped, kept


def downstream_first(found: Lineage) -> list[Key]:
    """Return the result and what was made from it: each behind all that was made from it."""
    feeds: dict[str, list[str]] = {}
    for required, requiring in found.pairs:
        feeds.setdefault(required, []).append(requiring)
    ordered: dict[str, None] = {}
    begun: set[str] = set()
    waiting = [str(found.key)]
    while waiting:
        name = waiting[-1]
        if name not in begun:
            begun.add(name)
            waiting += [other for other in feeds.get(name, ()) if other not in begun]
        else:
            ordered.setdefault(waiting.pop())
    return [parse_key(name) for name in ordered]
