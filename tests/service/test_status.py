"""What is known of a key, whoever reports of it."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from pathlib import Path

import pytest
from msgspec import structs

from datanectar import settings as all_settings
from datanectar.keys import parse_key
from datanectar.messages import Outcome, TaskReport
from datanectar.runs.store import RunStore
from datanectar.service.results import Results
from datanectar.service.status import status_of
from datanectar.statuses import DONE, FAILED, RUNNING, UNKNOWN
from datanectar.storage.local import LocalStorage
from tests.runs.conftest import key_of, new_run

KEY = key_of("a")


@pytest.fixture
def store(tmp_path: Path) -> Iterator[RunStore]:
    store = RunStore(f"sqlite:///{tmp_path / 'runs.db'}")
    store.prepare()
    yield store
    store.close()


@pytest.fixture
def results(store: RunStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Results]:
    monkeypatch.setenv("DATANECTAR_PROJECT", str(tmp_path))
    all_settings.current.cache_clear()
    yield Results(all_settings.current(), store)
    all_settings.current.cache_clear()


def ran(store: RunStore, chain: str, word: str, *reports: TaskReport) -> str:
    """Have a run of a chain report what it likes, and end DONE; return its id."""
    new = dataclasses.replace(new_run(word), chain=chain)
    own = key_of(word).replace("/hello_chain/", f"/{chain}/")
    new = dataclasses.replace(new, resolution=structs.replace(new.resolution, key=own))
    run, _ = store.accept(new, max_queued=10)
    assert store.claim(run.id, "w", 60)
    assert store.finish(run.id, 1, "w", Outcome(DONE), list(reports))
    return run.id


@pytest.mark.parametrize(
    "report",
    [
        TaskReport("x", key=KEY, status=DONE, storage="local", output="elsewhere.txt"),
        TaskReport("x", key=KEY, status=DONE, storage="local", results=["/no/such/file"]),
        TaskReport("x", key=KEY, status=FAILED, storage="local", output="elsewhere.txt"),
        TaskReport("x", key=KEY, status=RUNNING),
    ],
)
def test_of_a_result_that_is_there_its_own_run_tells(
    store: RunStore, results: Results, tmp_path: Path, report: TaskReport
) -> None:
    """fault 3.18"""
    LocalStorage(tmp_path / "local_targets").put_bytes(parse_key(KEY), "out.txt", b"x")
    own = ran(store, "hello_chain", "a")
    ran(store, "other_chain", "b", report)

    status = status_of(results, parse_key(KEY), None)

    assert (status.job_status, status.file) == (DONE, "out.txt")
    assert status.run is not None and status.run.id == own
    assert results.file(parse_key(KEY), "out.txt").size == 1


def test_of_a_result_that_is_gone_the_latest_report_tells(
    store: RunStore, results: Results
) -> None:
    ran(store, "hello_chain", "a")
    report = TaskReport("x", key=KEY, status=DONE, storage="local", output="out.txt")
    other = ran(store, "other_chain", "b", report)

    status = status_of(results, parse_key(KEY), None)

    assert status.job_status == UNKNOWN
    assert status.run is not None and status.run.id == other


def test_a_run_of_the_same_chain_tells_of_what_it_has_made_anew(
    store: RunStore, results: Results, tmp_path: Path
) -> None:
    LocalStorage(tmp_path / "local_targets").put_bytes(parse_key(KEY), "out.txt", b"x")
    ran(store, "hello_chain", "a")
    report = TaskReport("x", key=KEY, status=DONE, storage="local", output="out.txt")
    later = ran(store, "hello_chain", "b", report)

    status = status_of(results, parse_key(KEY), None)

    assert status.job_status == DONE
    assert status.run is not None and status.run.id == later
