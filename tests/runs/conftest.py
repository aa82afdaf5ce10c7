"""The run store on both of its databases, and short ways to say what it holds."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from datanectar.keys import digest
from datanectar.records import NewRun, Resolution
from datanectar.runs.store import RunStore


@pytest.fixture(params=["sqlite", "postgres"])
def store_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of an empty database, one test run for each kind."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'state' / 'runs.db'}"
    return str(request.getfixturevalue("postgres_database"))


@pytest.fixture
def store(store_url: str) -> Iterator[RunStore]:
    store = RunStore(store_url)
    store.prepare()
    yield store
    store.close()


def key_of(word: str, task: str = "HelloTask") -> str:
    return f"chains/greetings/hello_chain/{task}/{digest(word)}"


def new_run(word: str = "a", /, task: str = "HelloTask", **params: str) -> NewRun:
    """A request for a run whose key depends on ``word``."""
    return NewRun(
        type="greetings",
        chain="hello_chain",
        task=task,
        resolution=Resolution(
            key=key_of(word, task),
            task_id=f"{task}_{word}",
            params={"secret": "s3cret", **params},
            public_params=params,
            defaulted=[],
            source="{}",
            run_time="2026-01-02T03:04:05",
            storage="local",
            output="out.txt",
            width=2,
            run_timeout=60.0,
        ),
    )


Accept = Callable[..., str]


@pytest.fixture
def accept(store: RunStore) -> Accept:
    """Store a run and return its id."""

    def accept(word: str = "a", /, **more: str) -> str:
        return store.accept(new_run(word, **more), max_queued=10_000)[0].id

    return accept
