"""Stacks and benches as fixtures: shared ones for what breaks nothing, and makers of new ones."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.servers.bench import Bench
from tests.servers.stack import Stack, copy_catalogue


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A started stack over the catalogue, for all tests of a module that break nothing in it."""
    stack = Stack(tmp_path_factory.mktemp("project"))
    copy_catalogue(stack.project)
    try:
        yield stack.start()
    finally:
        stack.close()


@pytest.fixture(scope="module")
def web(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A started web over the catalogue, without luigid and workers: its runs stay PENDING."""
    stack = Stack(tmp_path_factory.mktemp("project"))
    stack.environ["DATANECTAR_IMPORT_TIMEOUT"] = "5"
    copy_catalogue(stack.project)
    try:
        stack.settings.state.mkdir(parents=True)
        stack.start_web()
        yield stack
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


@pytest.fixture(scope="session", autouse=True)
def buffered() -> Iterator[None]:
    """Let children buffer as Python and the C library do unless told otherwise."""
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("PYTHONUNBUFFERED", raising=False)
        yield


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    """A bench for the tests of one module that break nothing in it."""
    stack = Stack(tmp_path_factory.mktemp("bench"))
    copy_catalogue(stack.project)
    bench = Bench(stack)
    try:
        yield bench.start()
    finally:
        bench.close()


@pytest.fixture
def make_bench(tmp_path: Path) -> Iterator[Callable[..., Bench]]:
    """Make benches that a test may break; not started."""
    made: list[Bench] = []

    def make(**environ: str) -> Bench:
        stack = Stack(tmp_path / f"bench{len(made)}", environ=dict(environ))
        copy_catalogue(stack.project)
        made.append(Bench(stack))
        return made[-1]

    yield make
    for bench in made:
        bench.close()
