"""The drawing of a run's tasks as SVG, for notebooks and files."""

from __future__ import annotations

from html import escape

from datanectar.statuses import CANCELLED, DONE, FAILED, RUNNING
from datanectar.views.graph.drawing import HEIGHT, WIDTH, Drawing

#: By status; and that of the others.
COLOURS = {DONE: "#2e7d32", FAILED: "#c62828", RUNNING: "#1565c0", CANCELLED: "#757575"}
OTHER_COLOUR = "#757575"


def svg(drawing: Drawing) -> str:
    """Return the drawing as an SVG element with its own colours, for where no style sheet is."""
    lines = "".join(f'<path d="{line}" fill="none" stroke="#999"/>' for line in drawing.lines)
    boxes = "".join(
        f"<g><title>{escape(node.title)}</title>"
        f'<rect x="{node.x:g}" y="{node.y:g}" width="{WIDTH}" height="{HEIGHT}" rx="4" fill="none" '
        f'stroke="{COLOURS.get(node.status, OTHER_COLOUR)}"/>'
        f'<text x="{node.x + 8:g}" y="{node.y + 19:g}" font-size="13" fill="currentColor">'
        f"{escape(node.label)}</text>"
        f'<text x="{node.x + 8:g}" y="{node.y + 36:g}" font-size="11" fill="#757575">'
        f"{escape(node.detail)}</text></g>"
        for node in drawing.nodes
    )
    width, height = drawing.width, drawing.height
    size = f'width="{width:g}" height="{height:g}" viewBox="0 0 {width:g} {height:g}"'
    return f'<svg xmlns="http://www.w3.org/2000/svg" role="img" {size}>{lines}{boxes}</svg>'
