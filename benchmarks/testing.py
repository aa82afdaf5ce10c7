"""A chain of three tasks in a test of ``datanectar.testing``, beside ``luigi.build`` of as many tasks."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from benchmarks.report import Figure, median
from benchmarks.stack import project

#: The tests, as an author has them. Each run is of another name, so nothing is there already.
_TESTS = """
import json, os, time
import luigi
import pytest
from chains.bench.steps_chain import ReportTask

class Step(luigi.Task):
    name, number, folder = luigi.Parameter(), luigi.IntParameter(), luigi.Parameter()
    def requires(self):
        return [Step(self.name, self.number - 1, self.folder)] if self.number else []
    def output(self):
        return luigi.LocalTarget(f"{self.folder}/{self.name}/{self.number}")
    def run(self):
        with self.output().open("w") as out:
            out.write(self.name)

def seconds(do, rounds):
    times = []
    for number in range(rounds):
        began = time.perf_counter()
        do(f"n{number}")
        times.append(time.perf_counter() - began)
    return times

@pytest.mark.parametrize("nectar_store", ["local", "s3"])
def test_chain(run_chain, nectar_store, tmp_path):
    rounds = int(os.environ["ROUNDS"])
    def build(name):
        luigi.build([Step(name, 2, str(tmp_path))], local_scheduler=True, log_level="ERROR")
    figures = {"chain": seconds(lambda name: run_chain(ReportTask(name=name)), rounds)}
    figures["luigi"] = seconds(build, rounds)
    with open(os.environ["FIGURES"], "a") as file:
        print(json.dumps(figures), file=file)
"""


def measure(rounds: int = 30) -> list[Figure]:
    """Run the tests in a pytest process, with results on the disk and in moto's bucket."""
    with project() as stack:
        local, s3 = _figures(stack.project, rounds)
    return [
        Figure("testing", f"a chain of three tasks, {where}", median(times["chain"]) * 1000, "ms",
               rounds, "luigi.build, local scheduler", median(times["luigi"]) * 1000)
        for where, times in (("local", local), ("moto's S3", s3))
    ]  # fmt: skip


def _figures(folder: Path, rounds: int) -> list[dict[str, Any]]:
    (folder / "test_steps.py").write_text(_TESTS)
    figures = folder / "figures.jsonl"
    environ = {
        **os.environ,
        "DATANECTAR_PROJECT": str(folder),
        "PYTHONPATH": str(folder / "code"),
        "ROUNDS": str(rounds),
        "FIGURES": str(figures),
    }
    command = [sys.executable, "-m", "pytest", "-q", "test_steps.py"]
    subprocess.run(command, cwd=folder, env=environ, capture_output=True, check=True)
    return [json.loads(line) for line in figures.read_text().splitlines()]
