"""One attempt: whatever is raised meanwhile, its child ends first and the run has a reason."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from datanectar.attempt_files import not_uploaded
from datanectar.messages import Outcome, Refusal
from datanectar.runs import events
from datanectar.runs.records import Run
from datanectar.runs.store import RunStore
from datanectar.settings import load
from datanectar.statuses import CANCELLED, DONE, FAILED, PENDING, RUNNING
from datanectar.worker.attempt import Attempt
from datanectar.worker.end_reason import Stop
from datanectar.worker.lease import Lease
from tests.runs.conftest import new_run

OWNER = "me"


class FakeChild:
    """A child that reports what a test has it report; notes in which order it is ended."""

    was_killed = True
    is_lost = False
    has_ended = True  # so that its pid gets no signal
    pid = 1

    def __init__(self, reports: Callable[[], Iterator[Any]]) -> None:
        self._reports = reports
        self.events: list[str] = []

    def send(self, job: Any) -> None:
        self.events.append("send")

    def reports(self, timeout: float) -> Iterator[Any]:
        return self._reports()

    def kill(self) -> None:
        self.events.append("kill")

    def wait_end(self, timeout: float = 0.0) -> str:
        self.events.append("wait")
        return "killed by SIGKILL"

    def close(self) -> None:
        self.events.append("close")


@pytest.fixture
def held(tmp_path: Path) -> Iterator[tuple[RunStore, Attempt]]:
    """A store with one run that is held, and an attempt at it."""
    limits = {"DATANECTAR_MAX_ATTEMPTS": "2", "DATANECTAR_KILL_AFTER": "0"}
    settings = load({"DATANECTAR_PROJECT": str(tmp_path), **limits})
    store = RunStore(f"sqlite:///{tmp_path / 'runs.db'}")
    store.prepare()
    run_id = store.accept(new_run(), max_queued=10)[0].id
    run = store.claim(run_id, OWNER, 60)
    assert run is not None
    yield store, attempt_at(store, settings, run)
    store.close()


def attempt_at(store: RunStore, settings: Any, run: Run) -> Attempt:
    luigid = SimpleNamespace(end_worker=lambda *_: None)
    children = SimpleNamespace(ask=lambda *_, **__: None)
    service: Any = SimpleNamespace(settings=settings, store=store, luigid=luigid, children=children)
    return Attempt(run, service, Lease(60))


def one(record: Any) -> Callable[[], Iterator[Any]]:
    return lambda: iter([record])


def failing(problem: BaseException) -> Callable[[], Iterator[Any]]:
    def reports() -> Iterator[Any]:
        raise problem
        yield

    return reports


@pytest.mark.parametrize(
    "problem", [OverflowError("too large"), ValueError("junk"), MemoryError(), OSError(5, "io")]
)
def test_whatever_is_raised_the_child_has_ended_before_the_run_is_anybodys(
    held: tuple[RunStore, Attempt], problem: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Fault 3.1: the child went on, and the next attempt began beside it."""
    store, attempt = held
    child: Any = FakeChild(failing(problem))
    take_back = store.take_back

    def noted(*arguments: Any, **options: Any) -> Any:
        child.events.append("take back")
        return take_back(*arguments, **options)

    monkeypatch.setattr(store, "take_back", noted)

    assert attempt.follow(child) is True

    assert child.events == ["send", "kill", "wait", "take back", "close"]
    run = store.get(attempt.run.id)
    assert run is not None and run.status == PENDING
    assert f"its supervision failed ({type(problem).__name__}" in str(run.error)


def test_the_last_attempt_whose_supervision_fails_ends_failed_with_the_reason(
    held: tuple[RunStore, Attempt],
) -> None:
    store, attempt = held
    attempt.follow(FakeChild(failing(OverflowError("one"))))  # type: ignore[arg-type]
    run = store.claim(attempt.run.id, OWNER, 60)
    assert run is not None

    attempt_at(store, attempt._settings, run).follow(FakeChild(failing(OverflowError("two"))))  # type: ignore[arg-type]

    ended = store.get(run.id)
    assert ended is not None and ended.status == FAILED
    assert "OverflowError: two" in str(ended.error) and "2 attempts" in str(ended.error)


def test_an_error_of_the_store_ends_the_child_too(
    held: tuple[RunStore, Attempt], monkeypatch: pytest.MonkeyPatch
) -> None:
    store, attempt = held
    child: Any = FakeChild(one(Outcome(DONE)))

    def broken(*_: Any, **__: Any) -> bool:
        raise OverflowError("int too large to convert")

    monkeypatch.setattr(store, "finish", broken)
    with pytest.raises(OverflowError):
        attempt.follow(child)

    assert child.events[-3:] == ["kill", "wait", "close"]


@pytest.mark.parametrize("mark", ["", "junk", "-", "9" * 5000])
def test_a_mark_that_can_not_be_read_means_that_a_log_was_not_uploaded(
    held: tuple[RunStore, Attempt], mark: str
) -> None:
    """Fault 3.1: an empty ``.uploaded`` file (full disk) raised a ValueError."""
    store, attempt = held
    log = attempt.attempt_dir / "greetings" / "hello_chain" / "HelloTask" / f"{'0' * 32}.log"
    log.parent.mkdir(parents=True)
    log.write_text("some words")
    log.with_suffix(".uploaded").write_text(mark)

    assert not_uploaded(attempt.attempt_dir) == [log]
    attempt.follow(FakeChild(one(Outcome(DONE))))  # type: ignore[arg-type]

    run = store.get(attempt.run.id)
    assert run is not None and run.status == DONE
    assert not attempt.attempt_dir.exists()


def test_files_that_can_not_be_removed_cost_no_run_its_end(
    held: tuple[RunStore, Attempt], monkeypatch: pytest.MonkeyPatch
) -> None:
    store, attempt = held

    def broken() -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(attempt._uploader, "finish", broken)

    assert attempt.follow(FakeChild(one(Outcome(DONE)))) is False  # type: ignore[arg-type]
    run = store.get(attempt.run.id)
    assert run is not None and run.status == DONE


@pytest.mark.parametrize(("is_apart", "counted"), [(False, 0), (True, 1)])
def test_a_loss_with_the_fork_server_counts_for_a_run_that_had_it_alone(
    held: tuple[RunStore, Attempt], is_apart: bool, counted: int
) -> None:
    """Fault 4.9: it may have been another run that killed it."""
    store, attempt = held
    attempt._is_apart = is_apart
    child: Any = FakeChild(failing(EOFError()))
    child.is_lost = True

    assert attempt.follow(child) is True

    run = store.get(attempt.run.id)
    assert run is not None and (run.status, run.losses) == (PENDING, counted)


class EndedChild(FakeChild):
    """A child that ended by itself."""

    was_killed = False

    def wait_end(self, timeout: float = 0.0) -> str:
        return "exit code 3"


def nothing() -> Iterator[Any]:
    return iter([])


def ended() -> Iterator[Any]:
    raise EOFError


@pytest.mark.parametrize(
    ("stop", "status", "error"),
    [
        (Stop.CANCELLED, CANCELLED, "cancelled"),
        (Stop.TIME_LIMIT, FAILED, "time limit of 60 s"),
        (Stop.HANDED_BACK, PENDING, "its worker was stopped"),
        (Stop.LEASE_ENDED, PENDING, "its worker could not reach the run store in time"),
        (Stop.SUPERSEDED, RUNNING, None),
    ],
)
def test_a_stop_kills_the_child_and_its_reason_is_the_runs(
    held: tuple[RunStore, Attempt], stop: Stop, status: str, error: str | None
) -> None:
    store, attempt = held
    attempt.stop(stop)
    child: Any = FakeChild(nothing)

    assert attempt.follow(child) is (status == PENDING)

    assert child.events[:2] == ["send", "kill"]
    run = store.get(attempt.run.id)
    assert run is not None and (run.status, run.error) == (status, error)


def test_the_first_reason_to_stop_counts_unless_the_run_is_cancelled_or_anothers(
    held: tuple[RunStore, Attempt],
) -> None:
    store, attempt = held
    for why in (Stop.TIME_LIMIT, Stop.HANDED_BACK, Stop.CANCELLED, Stop.TIME_LIMIT):
        attempt.stop(why)

    attempt.follow(FakeChild(nothing))  # type: ignore[arg-type]

    run = store.get(attempt.run.id)
    assert run is not None and run.status == CANCELLED


ENDS: list[tuple[type[FakeChild], Callable[[], Iterator[Any]], Stop | None, str]] = [
    (FakeChild, one(Outcome(DONE)), None, DONE),
    (FakeChild, one(Refusal("ChainError", "no such task")), None, FAILED),
    (EndedChild, ended, None, FAILED),
    (FakeChild, nothing, Stop.TIME_LIMIT, FAILED),
    (FakeChild, nothing, Stop.CANCELLED, CANCELLED),
]


@pytest.mark.parametrize(("kind", "reports", "stop", "status"), ENDS)
def test_each_end_of_an_attempt_goes_through_the_funnel_once(
    held: tuple[RunStore, Attempt],
    monkeypatch: pytest.MonkeyPatch,
    kind: type[FakeChild],
    reports: Callable[[], Iterator[Any]],
    stop: Stop | None,
    status: str,
) -> None:
    store, attempt = held
    seen: list[Run] = []
    monkeypatch.setattr(events, "_after", [seen.append])
    if stop:
        attempt.stop(stop)

    assert attempt.follow(kind(reports)) is False  # type: ignore[arg-type]

    assert [run.status for run in seen] == [status]
    assert seen == [store.get(attempt.run.id)]


def test_the_last_loss_of_a_killed_child_ends_the_run_once(
    held: tuple[RunStore, Attempt], monkeypatch: pytest.MonkeyPatch
) -> None:
    store, attempt = held
    seen: list[Run] = []
    monkeypatch.setattr(events, "_after", [seen.append])

    assert attempt.follow(FakeChild(ended)) is True  # type: ignore[arg-type]
    assert seen == []
    run = store.claim(attempt.run.id, OWNER, 60)
    assert run is not None
    assert attempt_at(store, attempt._settings, run).follow(FakeChild(ended)) is False  # type: ignore[arg-type]

    (end,) = seen
    assert (end.status, end.failed_key) == (FAILED, end.key)
    assert end.error == (
        "the run's process was killed by SIGKILL, and so the last of 2 attempts was lost"
    )
