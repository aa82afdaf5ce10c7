"""``/lineage/<key>``: what a result was made of, what was made from it, and dropping both it and that."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from flask import Blueprint, Response

from datanectar.http.identity import current
from datanectar.keys import Key, parse_key
from datanectar.lineage.drop import drop_with_downstream
from datanectar.lineage.results import Lineage, Relative, in_use, lineage, there
from datanectar.service.service import Service
from datanectar.statuses import DONE, PENDING
from datanectar.views.graph.drawing import HEIGHT, WIDTH, Node, parameters_of
from datanectar.views.lineage import boxes
from datanectar.views.pages import confirmed, page

#: So many results of each list are shown.
_ROWS = 200


def blueprint(service: Service) -> Blueprint:
    """Return the page of a result's lineage, and the target of its button."""
    routes = Blueprint("lineage_result", __name__, url_prefix="/lineage")
    place = "/<type>/<chain>/<task>/<md5>"

    @routes.get(place)
    def result(type: str, chain: str, task: str, md5: str) -> Response:
        return _show(service, _key(type, chain, task, md5))

    @routes.post(f"{place}/drop")
    def drop(type: str, chain: str, task: str, md5: str) -> Response:
        return _drop(service, _key(type, chain, task, md5))

    return routes


def _key(*names: str) -> Key:
    return parse_key("/".join(("chains", *names)))


def _show(service: Service, key: Key) -> Response:
    found = lineage(service, key)
    up, down = current.visible(found.up), current.visible(found.down)
    to_drop = _to_drop(found, down)
    seen = [*up[:_ROWS], *to_drop]
    are_there = there(service, seen)
    return page(
        "lineage_result.html",
        found=found,
        up=up,
        down=down,
        shown=_ROWS,
        files=current.visible(found.files),
        are_there=are_there,
        in_use=in_use(service, [each.key for each in to_drop]),
        count=len(are_there & {each.key for each in to_drop}),
        words=_words(len(are_there & {each.key for each in to_drop})),
        **_drawing(found, [*up, *to_drop], are_there),
    )


def _to_drop(found: Lineage, down: Collection[Relative]) -> list[Relative]:
    own = [Relative(found.key, 0, found.task)] if found.task else []
    return [*own, *down]


def _words(count: int) -> str:
    if count == 1:
        return "One result is deleted; logs and history stay."
    return f"{count} results are deleted, each before what it was made of; logs and history stay."


def _drawing(
    found: Lineage, drawn: Collection[Relative], are_there: Collection[Key]
) -> dict[str, Any]:
    nodes = [_box(each, each.key in are_there) for each in drawn]
    links = {str(each.key): address(each.key) for each in drawn}
    return {"drawing": boxes.draw(nodes, found.pairs), "box": (WIDTH, HEIGHT), "links": links}


def _box(each: Relative, is_there: bool) -> Node:
    words = "the result is there" if is_there else "the result is not there"
    detail = parameters_of(each.task) or f"{each.key.type}/{each.key.chain}"
    return boxes.box(
        str(each.key), each.key.task, detail, DONE if is_there else PENDING, f": {words}"
    )


def address(key: Key) -> str:
    """Return the address of the page of a result's lineage."""
    return f"/lineage/{str(key).removeprefix('chains/')}"


def _drop(service: Service, key: Key) -> Response:
    found = lineage(service, key, up=False)
    to_drop = _to_drop(found, found.down)
    count = len(there(service, to_drop))
    if asked := confirmed("Drop it and what was made from it", _words(count), back=address(key)):
        return asked
    dropped, kept = drop_with_downstream(service, key, current.types())
    return page("lineage_dropped.html", key=key, dropped=dropped, kept=kept, back=address(key))
