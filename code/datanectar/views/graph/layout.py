"""Where the boxes and lines of a graph are: layers from left to right (Sugiyama's method).

A box is right of those that it requires, and no further from what requires it than it must be. A
line over several layers gets a lane of its own in each, so that it passes behind no box. All in pixels.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

WIDTH, HEIGHT = 236, 46
_GAP_X, _GAP_Y, _MARGIN = 56, 14, 8
_LANE = 12.0  # the height of a line's lane
_SWEEPS = 6

Edges = set[tuple[str, str]]


@dataclass(frozen=True)
class Layout:
    """The left top corners of the boxes, and SVG paths by what they lead from and to."""

    places: dict[str, tuple[float, float]]
    lines: dict[tuple[str, str], str]
    width: float
    height: float


def lay_out(names: list[str], edges: Edges) -> Layout:
    """Return the layout of boxes.

    Args:
        names: of the boxes; in one layer they keep this order where no line asks for another.
        edges: pairs of a box and one that requires it.
    """
    if not names:
        return Layout({}, {}, 0, 0)
    levels = _levels(names, edges)
    lanes, segments = _with_lanes(levels, edges)
    layers = _layers([*names, *lanes], {**levels, **lanes})
    _order(layers, segments)
    y = _heights(layers, segments, lanes)
    column = {name: number for number, layer in enumerate(layers) for name in layer}
    places = {name: (_x(column[name]), y[name]) for name in names}
    lines = {
        pair: _path(*((_x(column[end]), y[end], end in lanes) for end in pair))
        for pair in sorted(segments)
    }
    height = max(y[name] + HEIGHT for name in names)
    lowest_lane = max((y[name] + _LANE for name in lanes), default=0)
    return Layout(
        places, lines, _x(len(layers)) - _GAP_X + _MARGIN, max(height, lowest_lane) + _MARGIN
    )


# --- layers ------------------------------------------------------------------------------------


def _levels(names: list[str], edges: Edges) -> dict[str, int]:
    """Return each box's layer; boxes that require each other in a circle share the last one."""
    requiring, missing = _neighbours(edges), Counter(needing for _, needing in edges)
    levels = {name: 0 for name in names if not missing[name]}
    ready = list(levels)
    for name in ready:  # it grows meanwhile
        for needing in requiring[name]:
            levels[needing] = max(levels.get(needing, 0), levels[name] + 1)
            missing[needing] -= 1
            if not missing[needing]:
                ready.append(needing)
    last = max((levels[name] for name in ready), default=-1) + 1
    levels.update((name, last) for name in names if missing[name] or name not in levels)
    required = {needing for _, needing in edges}
    for name in names:  # what requires nothing, such as a task done before, stands beside its user
        if name not in required and requiring[name]:
            levels[name] = max(0, min(levels[needing] for needing in requiring[name]) - 1)
    return levels


def _with_lanes(levels: dict[str, int], edges: Edges) -> tuple[dict[str, int], Edges]:
    """Return the lanes with their layers, and the lines in pieces from each layer to the next.

    All lines from one box share its lanes.
    """
    lanes: dict[str, int] = {}
    segments: Edges = set()
    for needed, needing in edges:
        at = needed
        for level in range(levels[needed] + 1, levels[needing]):
            lane = f"{needed}\0{level}"
            lanes[lane] = level
            segments.add((at, lane))
            at = lane
        segments.add((at, needing))
    return lanes, segments


def _layers(names: list[str], levels: dict[str, int]) -> list[list[str]]:
    layers: dict[int, list[str]] = defaultdict(list)
    for name in names:
        layers[levels[name]].append(name)
    return [layers[number] for number in sorted(layers)]


def _neighbours(pairs: Iterable[tuple[str, str]]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = defaultdict(list)
    for one, other in sorted(pairs):
        found[one].append(other)
    return found


def _order(layers: list[list[str]], segments: Edges) -> None:
    """Sort each layer: a box near the middle of its neighbours, so that fewer lines cross."""
    before, after = _neighbours((b, a) for a, b in segments), _neighbours(segments)
    place = {name: row / len(layer) for layer in layers for row, name in enumerate(layer)}
    for sweep in range(_SWEEPS):
        forward = sweep % 2 == 0
        neighbours = before if forward else after
        for layer in layers if forward else reversed(layers):
            middle = {name: _mean(neighbours.get(name), place, place[name]) for name in layer}
            layer.sort(key=lambda name: round(middle[name], 9))
            place.update((name, row / len(layer)) for row, name in enumerate(layer))


def _mean(near: list[str] | None, values: dict[str, float], without: float) -> float:
    return sum(values[one] for one in near) / len(near) if near else without


# --- coordinates ---------------------------------------------------------------------------------


def _heights(layers: list[list[str]], segments: Edges, lanes: dict[str, int]) -> dict[str, float]:
    """Return each box's and lane's top: level with its neighbours as far as there is room."""
    size: dict[str, float] = {
        name: _LANE if name in lanes else HEIGHT + _GAP_Y for layer in layers for name in layer
    }
    middle: dict[str, float] = {}
    for layer in layers:
        middle.update(_stacked(layer, size, dict.fromkeys(layer, 0.0)))
    before, after = _neighbours((b, a) for a, b in segments), _neighbours(segments)
    for sweep in range(_SWEEPS):
        neighbours = before if sweep % 2 == 0 else after
        for layer in layers if sweep % 2 == 0 else reversed(layers):
            wanted = {name: _mean(neighbours.get(name), middle, middle[name]) for name in layer}
            middle.update(_stacked(layer, size, wanted))
    top = min(middle[name] - size[name] / 2 for name in middle)
    margin = _MARGIN - _GAP_Y / 2 - top
    return {
        name: middle[name] + margin - (_LANE if name in lanes else HEIGHT) / 2 for name in middle
    }


def _stacked(
    layer: list[str], size: dict[str, float], wanted: dict[str, float]
) -> dict[str, float]:
    """Return middles as near to the wanted ones as they can be without overlap (isotonic regression)."""
    blocks: list[tuple[float, int, float]] = []  # sum of offsets, members, height
    for name in layer:
        total, members, height = wanted[name] - size[name] / 2, 1, size[name]
        while blocks and blocks[-1][0] / blocks[-1][1] + blocks[-1][2] > total / members:
            before = blocks.pop()
            total += before[0] - before[2] * members
            members, height = members + before[1], height + before[2]
        blocks.append((total, members, height))
    middles: dict[str, float] = {}
    names = iter(layer)
    for total, members, _ in blocks:
        top = total / members
        for _ in range(members):
            name = next(names)
            middles[name] = top + size[name] / 2
            top += size[name]
    return middles


def _x(column: int) -> float:
    return _MARGIN + column * (WIDTH + _GAP_X)


def _path(start: tuple[float, float, bool], end: tuple[float, float, bool]) -> str:
    """Return the path from the right of a box, or the left of a lane, to the left of the next one."""
    (x1, y1, from_lane), (x2, y2, to_lane) = start, end
    y1 += (_LANE if from_lane else HEIGHT) / 2
    y2 += (_LANE if to_lane else HEIGHT) / 2
    bend = _GAP_X / 2
    begin = f"M{x1:g} {y1:g}H{x1 + WIDTH:g}" if from_lane else f"M{x1 + WIDTH:g} {y1:g}"
    right = x1 + WIDTH
    return f"{begin}C{right + bend:g} {y1:.4g} {x2 - bend:g} {y2:.4g} {x2:g} {y2:.4g}"
