"""From a raw file of bicycle counts, faults and all, to a report and a plot::

    RawCountsTask ── ParseDayTask ── ValidateDayTask ── AggregateDayTask   a task for each day
                                                              └── ReportTask ── PlotTask

Each day has its own results: a report over May makes 31 days, one over June makes 30 more, and one
over a week of either finds all it needs there already.

The file, ``data/counts.csv.gz``, holds an invented city's counters from April to June 2016; the
script beside it made it up.
"""

from __future__ import annotations

import csv
import datetime
import gzip
import json
import re
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import luigi
from luigi.date_interval import Month
from luigi.util import requires

from datanectar import NectarTask

COUNTS = Path(__file__).parent / "data" / "counts.csv.gz"
COUNTERS = ["bridge", "riverside", "station", "university"]
#: More than this don't fit through in an hour; a counter with a loose wire says 65535.
MOST_PER_HOUR = 3000
#: What a report can be about, and how a plot's axis says it.
METRICS = {
    "total": "bicycles in the day",
    "peak": "bicycles in the busiest hour",
    "hours": "hours that counted",
}
NEEDS_MATPLOTLIB = "This task needs matplotlib: pip install -e '.[examples]'"


class RawCountsTask(luigi.ExternalTask):
    """The loggers' file: no task makes it, it must be there."""

    def output(self) -> luigi.LocalTarget:
        """Return the file; were it missing, whatever needs it would fail with its name."""
        return luigi.LocalTarget(str(COUNTS))


class ParseDayTask(NectarTask):
    """Pick one day's lines out of the raw file and split them into fields. Judges nothing."""

    day = luigi.DateParameter(description="the day, from 2016-04-01 to 2016-06-30")
    output_name = "out.jsonl"

    def requires(self) -> luigi.Task:
        """Need the raw file."""
        return RawCountsTask()

    def run(self) -> None:
        """Write a JSON object with ``line`` (its number) and ``fields`` for each line."""
        with gzip.open(self.input().path, "rt", encoding="utf-8") as raw:
            _header, *everything = raw.read().splitlines()
        lines = list(lines_of(self.day, everything))
        if not lines:
            raise ValueError(
                f"{COUNTS.name} has no line of {self.day}. "
                f"It begins with {everything[0]!r} and ends with {everything[-1]!r}."
            )
        with self.output().open("w") as out:
            for number, text in lines:
                out.write(json.dumps({"line": number, "fields": text.split(",")}) + "\n")
        print(f"{len(lines)} lines of {self.day}")


def lines_of(day: datetime.date, lines: Iterable[str]) -> Iterator[tuple[int, str]]:
    """Yield the lines that were logged on ``day``, with their numbers; the header is line 1.

    The file is in order of time, so a line whose date can't be read is of the day of the one above.
    """
    current = None
    for number, line in enumerate(lines, start=2):
        with suppress(ValueError):
            current = datetime.date.fromisoformat(line[:10])
        if current == day:
            yield number, line


@requires(ParseDayTask)
class ValidateDayTask(NectarTask):
    """Part one day's lines into those to count and those to reject, each with the reason."""

    output_name = "out.json"

    def run(self) -> None:
        """Write ``accepted`` measurements and ``rejected`` lines as JSON; log the latter."""
        accepted: dict[tuple[str, str], dict[str, Any]] = {}
        rejected = []
        with self.input().open("r") as parsed:
            for row in map(json.loads, parsed):
                hour = tuple(row["fields"][:2])
                reason = fault_of(row["fields"], self.day)
                if reason is None and hour in accepted:
                    reason = f"repeats line {accepted[hour]['line']}"
                if reason is None:
                    accepted[hour] = measurement(row)
                else:
                    rejected.append({**row, "reason": reason})
                    print(f"line {row['line']} rejected: {reason}")
        with self.output().open("w") as out:
            json.dump({"accepted": list(accepted.values()), "rejected": rejected}, out, indent=1)
        print(f"{len(accepted)} accepted, {len(rejected)} rejected")


def fault_of(fields: list[str], day: datetime.date) -> str | None:
    """Return what is wrong with the fields of one of the day's lines, or None when nothing is."""
    if len(fields) != 3:
        return f"3 fields expected, {len(fields)} found"
    measured_at, counter, bicycles = fields
    if measured_at not in [f"{day}T{hour:02}:00" for hour in range(24)]:
        return f"{measured_at!r} is not an hour of that day, like {day}T08:00"
    if counter not in COUNTERS:
        return f"counter {counter!r} is not known"
    if not bicycles:
        return "the number of bicycles is missing"
    if not re.fullmatch(r"-?[0-9]+", bicycles):
        return f"{bicycles!r} is not a number of bicycles"
    if not 0 <= int(bicycles) <= MOST_PER_HOUR:
        return f"{bicycles} bicycles is not between 0 and {MOST_PER_HOUR}"
    return None


def measurement(row: dict[str, Any]) -> dict[str, Any]:
    """Return a faultless line as a measurement."""
    measured_at, counter, bicycles = row["fields"]
    hour = measured_at[-5:]
    return {"line": row["line"], "counter": counter, "hour": hour, "bicycles": int(bicycles)}


@requires(ValidateDayTask)
class AggregateDayTask(NectarTask):
    """Sum up one day by counter: hours that counted, all bicycles, the busiest hour."""

    output_name = "out.csv"

    def run(self) -> None:
        """Write a line for each counter that has measurements."""
        with self.input().open("r") as validated:
            accepted = json.load(validated)["accepted"]
        with self.output().open("w") as out:
            table = csv.writer(out, lineterminator="\n")
            table.writerow(["counter", "hours", "total", "peak", "peak_hour"])
            for counter in COUNTERS:
                rows = [row for row in accepted if row["counter"] == counter]
                if rows:
                    peak = max(rows, key=lambda row: row["bicycles"])
                    total = sum(row["bicycles"] for row in rows)
                    table.writerow([counter, len(rows), total, peak["bicycles"], peak["hour"]])


class ReportTask(NectarTask):
    """Make a table of a period: a line for each day, a column for each counter."""

    period = luigi.DateIntervalParameter(
        default=Month(2016, 5),
        description="a month (2016-05), an ISO week (2016-W20), a day, or from a day up to another "
        "that is not part of it any more (2016-05-01-2016-05-15)",
    )
    metric = luigi.ChoiceParameter(
        choices=list(METRICS),
        default="total",
        description="bicycles in the day, bicycles in its busiest hour, or hours that counted.",
    )
    output_name = "out.csv"

    def requires(self) -> dict[datetime.date, luigi.Task]:
        """Need every day of the period: days that were made before are not made again."""
        return {day: AggregateDayTask(day=day) for day in self.period.dates()}

    def run(self) -> None:
        """Write the table; a cell stays empty where a counter was silent all day."""
        if not self.period.dates():
            raise ValueError(f"{self.period} holds no day: its second date must be the later one.")
        with self.output().open("w") as out:
            table = csv.writer(out, lineterminator="\n")
            table.writerow(["day", *COUNTERS])
            for day, target in self.input().items():
                with target.open("r") as aggregated:
                    rows = {row["counter"]: row for row in csv.DictReader(aggregated)}
                cells = [rows[name][self.metric] if name in rows else "" for name in COUNTERS]
                table.writerow([day, *cells])
        print(f"{self.metric} of {len(self.input())} days, {self.period}")


@requires(ReportTask)
class PlotTask(NectarTask):
    """Draw a report as a picture. Needs matplotlib: ``pip install -e '.[examples]'``."""

    output_name = "out.png"
    output_binary = True

    def run(self) -> None:
        """Write a PNG with a line for each counter."""
        # Imported here, not above: a request reads this file for its parameters, and need not wait.
        # A Figure without pyplot draws by the Agg backend: it needs no display and leaves no state.
        try:
            from matplotlib.figure import Figure
        except ImportError as missing:
            raise ImportError(NEEDS_MATPLOTLIB) from missing
        with self.input().open("r") as report:
            rows = list(csv.DictReader(report))
        days = [datetime.date.fromisoformat(row["day"]) for row in rows]
        figure = Figure(figsize=(9, 4.5), layout="constrained")
        axes = figure.subplots()
        for counter in COUNTERS:
            values = [float(row[counter] or "nan") for row in rows]
            axes.plot(days, values, marker=".", label=counter)
        axes.set_title(str(self.period), loc="right")
        axes.set(ylabel=METRICS[self.metric], ylim=(0, None))
        axes.grid(alpha=0.3)
        axes.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=len(COUNTERS), frameon=False)
        figure.autofmt_xdate()
        with self.output().open("w") as out:
            # Without the library's version in the file, equal reports make equal pictures.
            figure.savefig(out, format="png", dpi=110, metadata={"Software": None})
