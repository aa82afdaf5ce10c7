"""``self.log``: its lines are in the task's log, whoever runs the task, and once."""

from __future__ import annotations

import logging
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

from datanectar.keys import RUN_TIME_VARIABLE

LINE = r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3}(?:[+-]\d{4})? "
LOGGER = "chains.etl.helped_chain.LogTask"
SAID = [rf"{LINE}INFO {LOGGER}: begins with x", "printed", rf"{LINE}WARNING {LOGGER}: ends"]


def check(lines: list[str]) -> None:
    """Check that these are the lines that the task writes, in order."""
    assert len(lines) == len(SAID), lines
    for line, pattern in zip(lines, SAID, strict=True):
        assert re.fullmatch(pattern, line), line


def run(project: Path, code: str) -> str:
    """Run a script beside the chain in a Python of its own; return what it showed."""
    environ = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": str(project / "code"),
        "DATANECTAR_PROJECT": str(project),
        RUN_TIME_VARIABLE: "2016-06-03T12:00:00",
    }
    command = [sys.executable, "-c", f"from chains.etl.helped_chain import LogTask\n{code}"]
    done = subprocess.run(command, env=environ, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout + done.stderr


def log_of(chain: ModuleType, project: Path) -> list[str]:
    return (project / "local_targets" / str(chain.LogTask().key) / "log").read_text().splitlines()


def test_by_itself_the_lines_are_in_the_log_and_seen(chain: ModuleType, tmp_path: Path) -> None:
    shown = run(tmp_path, "LogTask().run()")

    check(log_of(chain, tmp_path))
    assert "begins with x" in shown


def test_luigis_scheduler_changes_nothing(chain: ModuleType, tmp_path: Path) -> None:
    run(tmp_path, "import luigi; luigi.build([LogTask()], local_scheduler=True)")

    check([line for line in log_of(chain, tmp_path) if "luigi-interface" not in line])


def test_who_sets_up_logging_decides_how_and_lines_come_once(
    chain: ModuleType, tmp_path: Path
) -> None:
    shown = run(
        tmp_path,
        "import logging\nLogTask().log\n"
        "logging.basicConfig(format='%(levelname)s|%(message)s', level=logging.DEBUG)\n"
        "LogTask(name='x').run()",
    )

    assert shown.count("begins with x") == 1
    assert "INFO|begins with x" in log_of(chain, tmp_path)


@pytest.fixture
def quiet_logger(chain: ModuleType) -> Iterator[logging.Logger]:
    logger = logging.getLogger(LOGGER)
    yield logger
    logger.setLevel(logging.NOTSET)
    logger.handlers.clear()


def test_it_is_one_logger_below_those_of_the_chain(
    chain: ModuleType, quiet_logger: logging.Logger
) -> None:
    assert chain.LogTask(name="a").log is chain.LogTask(name="b").log is quiet_logger
    assert len(quiet_logger.handlers) <= 1


def test_a_level_of_the_authors_stays(chain: ModuleType, quiet_logger: logging.Logger) -> None:
    quiet_logger.setLevel(logging.ERROR)

    assert chain.LogTask(name="c").log.level == logging.ERROR
