"""A chain's author gets the types of what ``datanectar`` gives, though it is loaded lazily."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]

CHAIN = """
import luigi
from typing_extensions import assert_type
from datanectar import NectarLocalTask, NectarS3Task, NectarTask
from datanectar.keys import Key
from logging import Logger


class HelloTask(NectarTask):
    name = luigi.Parameter()

    def run(self) -> None:
        with self.output().open("w") as out:
            out.write("hello")


class CopyTask(NectarS3Task):
    def requires(self) -> HelloTask:
        return HelloTask(name="world")


def check(task: HelloTask, other: NectarLocalTask) -> None:
    assert_type(task.key, Key)
    assert_type(other.key, Key)
    assert_type(task.log, Logger)
    for number in task.track([1, 2]):
        assert_type(number, int)
    task.save("hello")
"""


def test_a_chain_that_is_right_passes_the_type_checker(tmp_path: Path) -> None:
    assert _complaints(tmp_path, CHAIN) == ""


def test_a_chain_that_is_wrong_about_a_type_does_not(tmp_path: Path) -> None:
    complaints = _complaints(tmp_path, CHAIN.replace("(task.key, Key)", "(task.key, str)"))
    assert '"Key", not "str"' in complaints


def _complaints(folder: Path, source: str) -> str:
    chain = folder / "hello_chain.py"
    chain.write_text(source)
    command = [sys.executable, "-m", "mypy", "--no-error-summary", str(chain)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True).stdout
