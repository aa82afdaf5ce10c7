"""Fixtures of the whole service: a shared one for a module's tests, and makers of fresh ones."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.servers.processes import Stack

CATALOGUE = Path(__file__).parent.parent / "chains"


def copy_catalogue(project: Path) -> None:
    """Copy the catalogue of small chains, ``tests/chains/<type>/*_chain.py``, into a project."""
    shutil.copytree(CATALOGUE, project / "code" / "chains", dirs_exist_ok=True)


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A started stack over the catalogue, for all tests of a module that break nothing in it."""
    stack = Stack(tmp_path_factory.mktemp("project"))
    copy_catalogue(stack.project)
    try:
        yield stack.start()
    finally:
        stack.close()


@pytest.fixture
def make_stack(tmp_path: Path) -> Iterator[Callable[..., Stack]]:
    """Make stacks that one test may break; not started. ``make_stack("a", ENV="qa")``."""
    made: list[Stack] = []

    def make(name: str = "project", **environ: str) -> Stack:
        stack = Stack(tmp_path / name, environ=dict(environ))
        copy_catalogue(stack.project)
        made.append(stack)
        return stack

    yield make
    for stack in made:
        stack.close()
