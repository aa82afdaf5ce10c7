"""One attempt under watch: whatever is raised meanwhile, its child ends first and it has a reason."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from datanectar.messages import Outcome, TaskReport
from datanectar.runs.records import Run
from datanectar.runs.store import RunStore
from datanectar.settings import load
from datanectar.statuses import DONE, FAILED, PENDING
from datanectar.storage.attempt_files import attempt_folder, not_uploaded, run_log
from datanectar.worker.attempt import Graph, Lease, Supervision
from tests.runs.conftest import new_run

OWNER = "me"


class FakeChild:
    """A child that says what it is told to; notes in which order it is ended."""

    was_killed = True
    is_lost = False
    pid = 1

    def __init__(self, says: Callable[[], Iterator[Any]]) -> None:
        self._says = says
        self.events: list[str] = []

    def send(self, job: Any) -> None:
        self.events.append("send")

    def reports(self, timeout: float) -> Iterator[Any]:
        return self._says()

    def kill(self) -> None:
        self.events.append("kill")

    def wait_end(self, timeout: float = 0.0) -> str:
        self.events.append("wait")
        return "killed by SIGKILL"

    def close(self) -> None:
        self.events.append("close")


@pytest.fixture
def watched(tmp_path: Path) -> Iterator[tuple[RunStore, Supervision]]:
    """A store with one run that is held, and its supervision."""
    settings = load({"DATANECTAR_PROJECT": str(tmp_path), "DATANECTAR_MAX_ATTEMPTS": "2"})
    store = RunStore(f"sqlite:///{tmp_path / 'runs.db'}")
    store.prepare()
    run_id = store.accept(new_run(), max_queued=10)[0].id
    run = store.claim(run_id, OWNER, 60)
    assert run is not None
    yield store, supervision(store, settings, run)
    store.close()


def supervision(store: RunStore, settings: Any, run: Run) -> Supervision:
    luigid = SimpleNamespace(end_worker=lambda *_: None)
    children = SimpleNamespace(ask=lambda *_, **__: None)
    service: Any = SimpleNamespace(settings=settings, store=store, luigid=luigid, children=children)
    return Supervision(run, service, Lease(60))


def one(record: Any) -> Callable[[], Iterator[Any]]:
    return lambda: iter([record])


def failing(problem: BaseException) -> Callable[[], Iterator[Any]]:
    def says() -> Iterator[Any]:
        raise problem
        yield

    return says


@pytest.mark.parametrize(
    "problem", [OverflowError("too large"), ValueError("junk"), MemoryError(), OSError(5, "io")]
)
def test_whatever_is_raised_the_child_has_ended_before_the_run_is_anybodys(
    watched: tuple[RunStore, Supervision], problem: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Fault 3.1: the child went on, and the next attempt began beside it."""
    store, watch = watched
    child: Any = FakeChild(failing(problem))
    take_back = store.take_back

    def noted(*arguments: Any, **options: Any) -> Any:
        child.events.append("take back")
        return take_back(*arguments, **options)

    monkeypatch.setattr(store, "take_back", noted)

    assert watch.watch(child) is True

    assert child.events == ["send", "kill", "wait", "take back", "close"]
    run = store.get(watch.run.id)
    assert run is not None and run.status == PENDING
    assert f"its supervision failed ({type(problem).__name__}" in str(run.error)


def test_the_last_attempt_whose_supervision_fails_ends_failed_with_the_reason(
    watched: tuple[RunStore, Supervision],
) -> None:
    store, watch = watched
    watch.watch(FakeChild(failing(OverflowError("one"))))  # type: ignore[arg-type]
    run = store.claim(watch.run.id, OWNER, 60)
    assert run is not None

    supervision(store, watch._settings, run).watch(FakeChild(failing(OverflowError("two"))))  # type: ignore[arg-type]

    ended = store.get(run.id)
    assert ended is not None and ended.status == FAILED
    assert "OverflowError: two" in str(ended.error) and "2 attempts" in str(ended.error)


def test_what_the_books_raise_ends_the_child_too(
    watched: tuple[RunStore, Supervision], monkeypatch: pytest.MonkeyPatch
) -> None:
    store, watch = watched
    child: Any = FakeChild(one(Outcome(DONE)))

    def broken(*_: Any, **__: Any) -> bool:
        raise OverflowError("int too large to convert")

    monkeypatch.setattr(store, "finish", broken)
    with pytest.raises(OverflowError):
        watch.watch(child)

    assert child.events[-3:] == ["kill", "wait", "close"]


@pytest.mark.parametrize("mark", ["", "junk", "-", "9" * 5000])
def test_a_mark_that_says_nothing_means_that_a_log_was_not_shipped(
    watched: tuple[RunStore, Supervision], mark: str
) -> None:
    """Fault 3.1: an empty ``.uploaded`` file (full disk) raised a ValueError."""
    store, watch = watched
    log = watch._attempt_dir / "greetings" / "hello_chain" / "HelloTask" / f"{'0' * 32}.log"
    log.parent.mkdir(parents=True)
    log.write_text("some words")
    log.with_suffix(".uploaded").write_text(mark)

    assert not_uploaded(watch._attempt_dir) == [log]
    watch.watch(FakeChild(one(Outcome(DONE))))  # type: ignore[arg-type]

    run = store.get(watch.run.id)
    assert run is not None and run.status == DONE
    assert not watch._attempt_dir.exists()


def test_files_that_can_not_be_removed_cost_no_run_its_end(
    watched: tuple[RunStore, Supervision], monkeypatch: pytest.MonkeyPatch
) -> None:
    store, watch = watched

    def broken() -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(watch._shipper, "finish", broken)

    assert watch.watch(FakeChild(one(Outcome(DONE)))) is False  # type: ignore[arg-type]
    run = store.get(watch.run.id)
    assert run is not None and run.status == DONE


def test_a_graph_holds_so_many_tasks_and_so_much_text_and_still_hears_of_those() -> None:
    """Fault 3.18: 100,000 forged reports filled the worker and the store."""
    graph = Graph(most_tasks=3, room=1000)

    assert all(graph.add(TaskReport(f"t{n}", status=PENDING)) for n in range(3))
    assert not graph.add(TaskReport("t3", status=PENDING))
    assert not graph.add(TaskReport("t0", error="x" * 1001))
    assert graph.add(TaskReport("t0", error="x" * 900))
    assert graph.add(TaskReport("t0", error="y" * 900))
    assert not graph.add(TaskReport("t1", requires=["z" * 100]))
    assert graph.add(TaskReport("t1", status=DONE))

    told = {task.task_id: (task.status, task.error) for task in graph.take_changed()}
    assert told == {"t0": (PENDING, "y" * 900), "t1": (DONE, None), "t2": (PENDING, None)}


def test_spool_names_are_read_back(tmp_path: Path) -> None:
    """They tell a worker whose files it finds after a reboot."""
    from datanectar.runs.ids import new_id
    from datanectar.storage.attempt_files import attempts

    run_id = new_id()
    attempt_dirs = [attempt_folder(tmp_path, run_id, 1), attempt_folder(tmp_path, run_id, 12, 3)]
    (tmp_path / "spool").mkdir()
    run_log(attempt_dirs[0]).touch()
    attempt_dirs[1].mkdir()
    (tmp_path / "spool" / "notes.txt").touch()
    (tmp_path / "spool" / f"{run_id}-x").touch()

    found = attempts(tmp_path)

    assert [(a.run_id, a.number, a.attempt_dir) for a in found] == [
        (run_id, 1, attempt_dirs[0]),
        (run_id, 12, attempt_dirs[1]),
    ]


@pytest.mark.parametrize(("is_apart", "counted"), [(False, 0), (True, 1)])
def test_a_loss_with_the_fork_server_counts_for_a_run_that_had_it_alone(
    watched: tuple[RunStore, Supervision], is_apart: bool, counted: int
) -> None:
    """Fault 4.9: it may have been another run that killed it."""
    store, watch = watched
    watch._is_apart = is_apart
    child: Any = FakeChild(failing(EOFError()))
    child.is_lost = True

    assert watch.watch(child) is True

    run = store.get(watch.run.id)
    assert run is not None and (run.status, run.losses) == (PENDING, counted)
