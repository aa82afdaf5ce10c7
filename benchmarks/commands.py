"""What a person at a terminal waits for: the help page, and one trivial task without a server."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

from benchmarks.report import Figure, median
from benchmarks.stack import new_name, project

_DATANECTAR = [sys.executable, "-m", "datanectar"]


def measure(rounds: int = 15) -> list[Figure]:
    """Measure in rounds: Python alone beside ``--help``, Luigi's own command beside ``run --here``."""
    helps: list[float] = []
    bare: list[float] = []
    here: list[float] = []
    luigis: list[float] = []
    with project() as stack:
        environ = {**os.environ, **stack.environment}
        for _ in range(rounds):
            bare.append(_seconds([sys.executable, "-c", "pass"], environ))
            helps.append(_seconds([*_DATANECTAR, "--help"], environ))
            task = ["bench/trivial_chain/TrivialTask", f"name={new_name()}", "--here"]
            here.append(_seconds([*_DATANECTAR, "run", *task], environ, stack.project))
            luigis.append(_seconds(_luigi(stack.project), environ))
    return [
        Figure("commands", "datanectar --help", median(helps) * 1000, "ms", rounds,
               "python -c pass", median(bare) * 1000),
        Figure("commands", "run --here, a trivial task", median(here) * 1000, "ms", rounds,
               "luigi --local-scheduler", median(luigis) * 1000),
    ]  # fmt: skip


def _luigi(folder: Path) -> list[str]:
    task = ["TrivialTask", "--name", new_name(), "--folder", str(folder / "luigi")]
    module = ["-m", "luigi", "--module", "benchmarks.floor_chain"]
    return [sys.executable, *module, *task, "--local-scheduler"]


def _seconds(command: list[str], environ: dict[str, str], folder: Path | None = None) -> float:
    # Luigi's command finds its module, `benchmarks.floor_chain`, from this checkout.
    began = time.perf_counter()
    where = folder or Path(__file__).parents[1]
    subprocess.run(command, env=environ, cwd=where, capture_output=True, check=True)
    return time.perf_counter() - began
