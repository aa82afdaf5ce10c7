"""The command: runs benchmarks by name, prints a table, writes JSON."""

from __future__ import annotations

import argparse
import importlib
import inspect
import os
import sys
from pathlib import Path
from typing import Any

from benchmarks import report
from benchmarks.report import Figure

#: Module of each benchmark, and the numbers that make it tiny: to see that it works, not to measure.
BENCHMARKS: dict[str, dict[str, int]] = {
    "trivial": {"rounds": 1},
    "answers": {"rounds": 5, "stored": 50, "rate": 10},
    "status": {"stored": 20, "known": 20, "rounds": 2},
    "idle": {"seconds": 1, "settle": 0},
    "throughput": {"runs": 4, "rounds": 1},
    "many": {"leaves": 5, "row": 3, "rounds": 1},
    "fanin": {"leaves": 5, "rounds": 1},
    "collecting": {"chains": 4},
    "pages": {"chains": 2, "runs": 4, "tasks": 5, "rounds": 1},
    "logs": {"megabytes": 1, "lines": 2},
    "transfer": {"megabytes": 9, "rounds": 1},
    "resume": {"leaves": 3, "delay_ms": 1},
    "commands": {"rounds": 1},
    "testing": {"rounds": 2},
    "engine": {"many": 4, "slots": 2, "few": 4, "narrow": 2},
    "scale": {"tasks": 200, "calls": 2, "runs": 2},
}


def main(arguments: list[str] | None = None) -> list[Figure]:
    """Run what the command line asks for; return the figures."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="name", help=f"of: {', '.join(BENCHMARKS)}")
    parser.add_argument("--tiny", action="store_true", help="with numbers too small to mean much")
    parser.add_argument("--set", action="append", default=[], metavar="NAME=NUMBER")
    parser.add_argument("--json", type=Path, default=Path("benchmarks.json"), metavar="FILE")
    options = parser.parse_args(arguments)
    unknown = sorted(set(options.names) - set(BENCHMARKS))
    if unknown:
        parser.error(
            f"there is no benchmark {', '.join(unknown)}; there are: {', '.join(BENCHMARKS)}"
        )
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)  # what is measured keeps its bytecode, as ever
    numbers = dict(_pair(parser, text) for text in options.set)
    surroundings = report.process_state()
    figures: list[Figure] = []
    for name in options.names or BENCHMARKS:
        print(f"{name} ...", file=sys.stderr, flush=True)
        figures += _measure(name, {**(BENCHMARKS[name] if options.tiny else {}), **numbers})
    surroundings["load_after"] = report.process_state()["load"]
    print(report.table(figures))
    print(f"\n{surroundings}")
    report.write_json(options.json, figures, surroundings)
    return figures


def _measure(name: str, numbers: dict[str, int]) -> list[Figure]:
    measure: Any = importlib.import_module(f"benchmarks.{name}").measure
    known = inspect.signature(measure).parameters
    return list(measure(**{key: value for key, value in numbers.items() if key in known}))


def _pair(parser: argparse.ArgumentParser, text: str) -> tuple[str, int]:
    name, _, number = text.partition("=")
    if not number.isdecimal():
        parser.error(f"--set {text}: it reads NAME=NUMBER, as in --set rounds=10")
    return name, int(number)


if __name__ == "__main__":
    main()
