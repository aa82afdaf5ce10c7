"""The fixtures. pytest finds them by the entry point ``pytest11`` of the package.

pytest imports this module in every project of this Python, so it imports nothing that costs time:
Luigi and the rest are loaded by the first test that uses a fixture.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    import luigi

    from datanectar.notebook.run import Result
    from datanectar.testing.project import Project


@pytest.fixture
def nectar_store() -> str:
    """Where the results of a test go: ``local``, or ``s3`` for a bucket of moto's.

    Override it in a module or in ``conftest.py``, or try both:
    ``@pytest.mark.parametrize("nectar_store", ["local", "s3"])``.
    """
    return "local"


@pytest.fixture
def nectar_project(nectar_store: str, tmp_path: Path) -> Iterator[Project]:
    """A place for the results of this test alone, and a run date that stays the same in it."""
    from datanectar.testing.project import temporary_project

    with temporary_project(tmp_path / "nectar", nectar_store) as project:
        yield project


@pytest.fixture
def run_date(nectar_project: Project) -> Callable[[Any], None]:
    """Set the run date: ``run_date("2026-01-01")``, a date, or a datetime with or without a zone."""
    return nectar_project.set_run_date


@pytest.fixture
def fake_result(nectar_project: Project) -> Callable[[luigi.Task, Any], None]:
    """Write the result of a task without running it: ``fake_result(ReadTask(day=DAY), "a,b")``.

    Text and bytes are written as they are, a DataFrame by the file's suffix, anything else as JSON. For a
    folder or several outputs, give contents by path or name.
    """
    return nectar_project.fake_result


@pytest.fixture
def run_task(nectar_project: Project) -> Callable[..., Result]:
    """Run one task alone: ``run_task(ReportTask(day=DAY), {ReadTask(day=DAY): "a,b"})``.

    The second argument has results of the tasks that it requires, as ``fake_result`` writes them.
    The test fails when one is missing: nothing else is run.
    """
    return nectar_project.run_task


@pytest.fixture
def run_chain(nectar_project: Project) -> Callable[[luigi.Task], Result]:
    """Run a task and all that it requires: ``result = run_chain(ReportTask(day=DAY))``."""
    return nectar_project.run_chain
