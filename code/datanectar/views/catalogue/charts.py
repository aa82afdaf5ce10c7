"""Charts of many runs as numbers for SVG: how many ended how, and how long they took."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from datanectar.runs.statistics.recent import Brief
from datanectar.statuses import CANCELLED, DONE, FAILED

#: A chart's size in units of its own; the page stretches it.
WIDTH, HEIGHT = 600.0, 100.0
_SPANS = 24
_SHOWN = (DONE, CANCELLED, FAILED)


@dataclass(frozen=True)
class Bar:
    """The runs of a span of time that ended alike."""

    status: str
    x: float
    y: float
    width: float
    height: float
    title: str


@dataclass(frozen=True)
class Chart:
    """Runs over time: bars by status, and lines of the median and the 95th percentile of durations.

    ``most`` is the highest bar's number of runs, ``longest`` the top of the durations in seconds;
    ``first`` and ``last`` are the Unix stamps of its sides. ``failed`` is in percent of those that ended.
    """

    bars: list[Bar]
    p50: str
    p95: str
    most: int
    longest: float
    median: float | None
    p95_seconds: float | None
    first: float
    last: float
    runs: int
    failed: float | None


def chart(briefs: Sequence[Brief]) -> Chart | None:
    """Return the chart of runs, or None when there are none."""
    if not briefs:
        return None
    first, last = min(run.created for run in briefs), max(run.created for run in briefs)
    spans = _spans(briefs, first, last)
    most = max(len(span) for span in spans)
    width = WIDTH / len(spans)
    quantiles = [[_quantile(_seconds(span), share) for span in spans] for share in (0.5, 0.95)]
    longest = max((value for line in quantiles for value in line if value is not None), default=0.0)
    ended = [run.status for run in briefs if run.status in (DONE, FAILED)]
    return Chart(
        [
            bar
            for number, span in enumerate(spans)
            for bar in _bars(span, number * width, width, most)
        ],
        _line(quantiles[0], width, longest),
        _line(quantiles[1], width, longest),
        most,
        longest,
        _quantile(_seconds(briefs), 0.5),
        _quantile(_seconds(briefs), 0.95),
        first,
        last,
        len(briefs),
        100 * ended.count(FAILED) / len(ended) if ended else None,
    )


def _spans(briefs: Sequence[Brief], first: float, last: float) -> list[list[Brief]]:
    """Return the runs of each of some equal spans of time."""
    length = (last - first) / _SPANS or 1.0
    spans: list[list[Brief]] = [[] for _ in range(_SPANS)]
    for run in briefs:
        spans[min(_SPANS - 1, int((run.created - first) / length))].append(run)
    return spans


def _seconds(briefs: Sequence[Brief]) -> list[float]:
    times = (run.seconds for run in briefs if run.status == DONE and run.attempt)
    return sorted(seconds for seconds in times if seconds is not None)


def _quantile(ordered: Sequence[float], share: float) -> float | None:
    """Return the least value that at least this share of the values do not exceed."""
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)] if ordered else None


def _bars(span: Sequence[Brief], x: float, width: float, most: int) -> list[Bar]:
    counts, bars, top = Counter(run.status for run in span), [], HEIGHT
    for status in _SHOWN:
        if count := counts[status]:
            height = HEIGHT * count / most
            top -= height
            title = f"{count} {status.lower()}"
            bars.append(Bar(status, x + 1, top, max(1.0, width - 2), height, title))
    return bars


def _line(values: Sequence[float | None], width: float, longest: float) -> str:
    """Return the SVG path through the middles of the spans that have a value."""
    points = [
        f"{(number + 0.5) * width:.1f},{HEIGHT - (HEIGHT - 4) * value / (longest or 1):.1f}"
        for number, value in enumerate(values)
        if value is not None
    ]
    return f"M{' L'.join(points)}" if points else ""
