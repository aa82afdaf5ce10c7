"""A figure beside its floor; tables of them, and JSON."""

from __future__ import annotations

import json
import os
import platform
import statistics
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Figure:
    """One measured value.

    ``floor`` is the value that the same work costs without us, measured in the same run, and
    ``ratio`` how far above it we are. ``samples`` is how many measurements the value stands for.
    """

    benchmark: str
    name: str
    value: float
    unit: str
    samples: int = 1
    floor_name: str | None = None
    floor: float | None = None

    @property
    def ratio(self) -> float | None:
        """The value as a multiple of its floor."""
        return self.value / self.floor if self.floor else None


def median(values: Sequence[float]) -> float:
    """Return the median."""
    return statistics.median(values)


def percentile(values: Sequence[float], share: float) -> float:
    """Return the value below which ``share`` (0 to 1) of the values lie, by nearest rank."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def table(figures: Sequence[Figure]) -> str:
    """Return the figures as a Markdown table, as ``docs/performance.md`` shows them."""
    lines = [
        "| benchmark | figure | value | floor | ratio | of |",
        "| --- | --- | ---: | ---: | ---: | ---: |",
    ]
    for figure in figures:
        floor = f"{_number(figure.floor)} ({figure.floor_name})" if figure.floor else ""
        ratio = f"{figure.ratio:.2f}" if figure.ratio else ""
        lines.append(
            f"| {figure.benchmark} | {figure.name} | {_number(figure.value)} {figure.unit} "
            f"| {floor} | {ratio} | {figure.samples} |"
        )
    return "\n".join(lines)


def process_state() -> dict[str, Any]:
    """Return what the figures depend on besides the code: the machine, its load, the versions."""
    names = ("luigi", "flask", "gunicorn", "sqlalchemy", "huey", "requests")
    return {
        "time": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "system": platform.platform(terse=True),
        "python": platform.python_version(),
        "cores": os.cpu_count(),
        "load": [round(load, 2) for load in os.getloadavg()],
        "versions": {name: version(name) for name in names},
    }


def write_json(file: Path, figures: Sequence[Figure], surroundings: dict[str, Any]) -> None:
    """Write the figures and what they depend on."""
    rows = [{**asdict(figure), "ratio": figure.ratio} for figure in figures]
    file.write_text(json.dumps({"surroundings": surroundings, "figures": rows}, indent=2) + "\n")


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 1000 else f"{value:.3g}"
