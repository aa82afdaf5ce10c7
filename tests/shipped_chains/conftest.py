"""A throw-away project with the shipped chains in it, and their raw data read by other means."""

from __future__ import annotations

import gzip
import json
import os
import re
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

CHAINS = Path(__file__).parents[2] / "code" / "chains"
BUILD_TASK = Path(__file__).parent / "build_task.py"


@dataclass
class Built:
    """What became of a build: see ``build_task.py`` for the fields of the same names."""

    complete: bool
    path: str | None
    target: str | None
    started: list[str]
    errors: list[str]
    missing_external: bool
    progress: dict[str, Any]
    message: dict[str, Any]
    log: str

    @property
    def file(self) -> Path:
        assert self.complete, self.log
        assert self.path is not None
        return Path(self.path)

    @property
    def text(self) -> str:
        return self.file.read_text()


@dataclass
class Project:
    """A project folder; every build in it is a process of its own."""

    folder: Path

    def build(self, module: str, task: str, *, without: str = "", **params: str) -> Built:
        script = [str(BUILD_TASK), module, task, json.dumps(params)]
        ended = self.python(*script, MISSING=without)
        *printed, last = ended.stdout.splitlines()
        return Built(**json.loads(last), log="\n".join([*printed, ended.stderr]))

    def python(self, *arguments: str, **more: str) -> subprocess.CompletedProcess[str]:
        """Run Python in the project's code folder, on a fixed day."""
        path = [str(self.folder / "code"), *filter(None, [os.environ.get("PYTHONPATH")])]
        environ = {
            **os.environ,
            "PYTHONPATH": os.pathsep.join(path),
            "DATANECTAR_PROJECT": str(self.folder),
            "DATANECTAR_RUN_TIME": "2016-06-03T12:00:00",
            **more,
        }
        ended = subprocess.run(
            [sys.executable, *arguments],
            cwd=self.folder / "code",
            env=environ,
            capture_output=True,
            text=True,
            timeout=60,
        )
        assert ended.returncode == 0, ended.stderr
        return ended

    def results(self) -> set[str]:
        """Return the results that are there, relative to ``local_targets``."""
        root = self.folder / "local_targets"
        return {str(path.relative_to(root)) for path in root.rglob("out.*")}


def make_project(folder: Path) -> Project:
    shutil.copytree(CHAINS, folder / "code" / "chains")
    return Project(folder)


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return make_project(tmp_path)


@pytest.fixture(scope="session")
def bicycles() -> Iterator[sqlite3.Connection]:
    """Every sound measurement of the shipped raw file, the first one of each hour, as a table."""
    text = gzip.decompress((CHAINS / "etl/data/counts.csv.gz").read_bytes()).decode()
    sound = r"^(2016-0[456]-[0-3]\d)T(\d\d):00,(bridge|riverside|station|university),(\d{1,4})$"
    with sqlite3.connect(":memory:") as table:
        table.execute(
            "create table counts (day, hour, counter, n int, unique (day, hour, counter))"
        )
        table.executemany(
            "insert or ignore into counts values (?, ?, ?, ?)",
            re.findall(sound, text, re.MULTILINE),
        )
        yield table
    table.close()
