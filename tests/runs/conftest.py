"""The run store on both of its databases, and short ways to say what it holds."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from datanectar.keys import digest
from datanectar.messages import Resolution
from datanectar.runs.records import NewRun
from datanectar.runs.store import RunStore
from datanectar.runs.tables import metadata
from tests.servers.postgres import new_database

DATABASES = ["sqlite", pytest.param("postgres", marks=pytest.mark.slow)]


@pytest.fixture(params=DATABASES)
def store_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of an empty database, one test run for each kind."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'state' / 'runs.db'}"
    return str(request.getfixturevalue("postgres_database"))


@pytest.fixture(params=DATABASES)
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[RunStore]:
    """A prepared store with nothing in it, one test run for each kind."""
    if request.param == "sqlite":
        store = RunStore(f"sqlite:///{tmp_path / 'state' / 'runs.db'}")
    else:
        store = RunStore(request.getfixturevalue("shared_postgres"))
    store.prepare()
    with store._db.write() as connection:
        for table in metadata.sorted_tables:
            connection.execute(table.delete())
    yield store
    store.close()


@pytest.fixture(scope="session")
def shared_postgres(postgres_url: str) -> Iterator[str]:
    """The URL of one database for all tests that leave its tables as they are."""
    with new_database(postgres_url) as url:
        yield url


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
