"""``/lineage``: which chains feed which; ``/lineage/<type>`` and ``/lineage/<type>/<chain>``: their tasks."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field

from flask import Blueprint, Response

from datanectar.errors import NotFound
from datanectar.http.identity import current
from datanectar.lineage.edges import Edges, Pairs
from datanectar.lineage.tasks import RecordedTasks, TaskLineage
from datanectar.service.service import Service
from datanectar.views.graph.drawing import HEIGHT, WIDTH, Node
from datanectar.views.lineage import boxes
from datanectar.views.pages import page

#: Seconds to wait for chains that are being read: those that were known are shown.
_PATIENCE = 0.2
#: So many rows of the list are shown.
_ROWS = 300
_NO_STATUS = "NONE"


@dataclass
class Row:
    """A chain or a task in the list: what it is made of, and what is made from it."""

    name: str
    of: list[str] = field(default_factory=list)
    into: list[str] = field(default_factory=list)
    files: list[str] = field(default_factory=list)


def blueprint(service: Service) -> Blueprint:
    """Return the three pages."""
    routes = Blueprint("lineage_page", __name__, url_prefix="/lineage")
    recorded = RecordedTasks(service.store.database)

    @routes.get("")
    def of_all() -> Response:
        chains = _chains(service)
        return _show(_by_chain(_known(recorded, chains)), chains)

    @routes.get("/<type>")
    def of_type(type: str) -> Response:
        chains = _chains(service)
        _refuse_unknown(chains, type)
        known = _known(recorded, chains)
        pairs = {pair for pair in known.pairs if type in map(_type, pair)}
        files = known.where(lambda name: _type(name) == type).files
        return _show(TaskLineage(pairs, files), chains, type)

    @routes.get("/<type>/<chain>")
    def of_chain(type: str, chain: str) -> Response:
        chains = _chains(service)
        _refuse_unknown(chains, type, chain)
        known = _known(recorded, chains)
        prefix = f"{type}/{chain}/"
        near = _reachable(known.pairs, prefix)
        kept = known.where(lambda name: name in near or name.startswith(prefix))
        return _show(kept, chains, type, chain)

    return routes


def _chains(service: Service) -> set[tuple[str, str]]:
    """Return type and name of the chains that are there and that the request may see."""
    return {(one.type, one.name) for one in current.visible(service.catalog.chains(_PATIENCE))}


def _refuse_unknown(chains: set[tuple[str, str]], type: str, chain: str | None = None) -> None:
    if not any(type == one and chain in (None, other) for one, other in chains):
        where = f"{type[:100]}/{chain[:100]}" if chain else f"of type {type[:100]!r}"
        raise NotFound(f"There is no chain {where}.")


def _known(recorded: RecordedTasks, chains: set[tuple[str, str]]) -> TaskLineage:
    """Return what is known of these chains."""
    places = {f"{type}/{chain}" for type, chain in chains}
    return recorded.now().where(lambda name: name.rpartition("/")[0] in places)


def _type(path: str) -> str:
    return path.partition("/")[0]


def _by_chain(known: TaskLineage) -> TaskLineage:
    """Return which chains feed which."""
    both = ((one.rpartition("/")[0], other.rpartition("/")[0]) for one, other in known.pairs)
    files: dict[str, list[str]] = defaultdict(list)
    for name, addresses in known.files.items():
        files[name.rpartition("/")[0]] += addresses
    return TaskLineage({(one, other) for one, other in both if one != other}, dict(files))


def _reachable(pairs: Pairs, prefix: str) -> set[str]:
    """Return the tasks that those of a chain are made of, and that are made from theirs."""
    edges = Edges()
    edges.add(pairs)
    own = {name for pair in pairs for name in pair if name.startswith(prefix)}
    found = set(own)
    for towards in (edges.needs, edges.feeds):
        seen, waiting = set(own), list(own)
        while waiting:
            new = towards[waiting.pop()] - seen
            seen |= new
            waiting += new
        found |= seen
    return found


def _show(
    known: TaskLineage, chains: set[tuple[str, str]], type: str = "", chain: str = ""
) -> Response:
    rows = _rows(known)
    names = {name for pair in known.pairs for name in pair} | known.files.keys()
    files = {(at, name) for name, addresses in known.files.items() for at in addresses}
    drawn = [_box(name) for name in names] + [_file_box(at) for at in {at for at, _ in files}]
    return page(
        "lineage.html",
        types=sorted({type for type, _ in chains}),
        type=type,
        chain=chain,
        rows=rows[:_ROWS],
        more=max(0, len(rows) - _ROWS),
        drawing=boxes.draw(drawn, known.pairs | files),
        box=(WIDTH, HEIGHT),
        links={name: address(name) for name in names},
        address=address,
    )


def _rows(known: TaskLineage) -> list[Row]:
    rows: dict[str, Row] = {}
    for one, other in sorted(known.pairs):
        rows.setdefault(one, Row(one)).into.append(other)
        rows.setdefault(other, Row(other)).of.append(one)
    for name, addresses in known.files.items():
        rows.setdefault(name, Row(name)).files = addresses
    return [rows[name] for name in sorted(rows)]


def address(name: str) -> str:
    """Return the address of the page of a task, or of a chain's lineage."""
    return f"/chains/{name}" if name.count("/") == 2 else f"/lineage/{name}"


def _box(name: str) -> Node:
    place, _, label = name.rpartition("/")
    return boxes.box(name, label, place, _NO_STATUS)


def _file_box(at: str) -> Node:
    return boxes.box(at, at.rstrip("/").rpartition("/")[2] or at, at, _NO_STATUS, "file of others")
