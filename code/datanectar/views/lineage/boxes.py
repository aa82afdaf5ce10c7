"""The drawing of a lineage: boxes for chains, tasks, results and files, and lines between them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from datanectar.lineage.edges import Pairs
from datanectar.views.graph.drawing import Drawing, Node, natural
from datanectar.views.graph.layout import lay_out

#: The most boxes that are drawn.
MOST = 150
_LABEL, _DETAIL = 26, 30


def box(name: str, label: str, detail: str, status: str, words: str = "") -> Node:
    """Return a box; ``words`` end the text that screen readers have of it."""
    title = " ".join(filter(None, (label, detail, words)))
    return Node(name, _clipped(label, _LABEL), _clipped(detail, _DETAIL), title, status)


def draw(boxes: Iterable[Node], pairs: Pairs) -> Drawing | None:
    """Return the drawing of those boxes that a line leads to or from; None of none, or of too many."""
    joined = {name for pair in pairs for name in pair}
    nodes = {node.id: node for node in boxes if node.id in joined}
    if not 0 < len(nodes) <= MOST:
        return None
    names = sorted(nodes, key=lambda name: natural(nodes[name].title))
    layout = lay_out(names, {pair for pair in pairs if nodes.keys() >= {*pair}})
    placed = [replace(nodes[name], x=x, y=y) for name, (x, y) in layout.places.items()]
    return Drawing(placed, list(layout.lines.values()), layout.width, layout.height, False)


def _clipped(text: str, longest: int) -> str:
    return text if len(text) <= longest else f"{text[: longest - 1]}…"
