"""What is reported of a run's tasks, and where it is found again."""

from __future__ import annotations

from datanectar.messages import Outcome, TaskReport
from datanectar.runs.store import RunStore
from datanectar.statuses import DONE, FAILED, PENDING, RUNNING
from tests.runs.conftest import Accept, key_of
from tests.runs.test_leases import claimed, got, statuses


def test_a_task_is_found_by_key_in_the_newest_run_that_has_it(
    store: RunStore, accept: Accept
) -> None:
    inner = key_of("inner", "InnerTask")
    for word, status in (("a", DONE), ("b", FAILED)):
        run_id = accept(word)
        store.claim(run_id, "worker", 30)
        store.record(run_id, 1, "worker", [TaskReport("Inner_1", key=inner, status=status)])
    accept("c")

    row = store.task_by_key(inner)

    assert row is not None
    assert (row.run_id, row.status) == (run_id, FAILED)


def test_a_report_overwrites_only_what_it_says(store: RunStore, accept: Accept) -> None:
    run_id = accept()
    claimed(store, run_id)
    first = TaskReport(
        "Hello_1", key="chains/a/b/C/1", family="Hello", status=RUNNING, requires=["World_2"],
        started=12.5, message="half", progress=50, tracking_url="http://example.org/",
    )  # fmt: skip

    store.record(run_id, 1, "worker", [first, TaskReport("World_2")])
    store.record(run_id, 1, "worker", [TaskReport("Hello_1", progress=70)])
    store.record(
        run_id,
        1,
        "worker",
        [TaskReport("Hello_1", status=DONE), TaskReport("Hello_1", finished=13)],
    )

    hello, world = store.tasks(run_id)
    assert (hello.status, hello.started, hello.finished, hello.progress) == (DONE, 12.5, 13, 70)
    assert (hello.key, hello.family, hello.requires) == ("chains/a/b/C/1", "Hello", ["World_2"])
    assert (hello.message, hello.tracking_url) == ("half", "http://example.org/")
    assert (world.status, world.family, world.requires, world.key) == (PENDING, "", [], None)


def test_a_thousand_reports_are_written_at_once(store: RunStore, accept: Accept) -> None:
    run_id = accept()
    claimed(store, run_id)

    assert store.record(
        run_id, 1, "worker", [TaskReport(f"T_{number}", status=DONE) for number in range(1000)]
    )

    assert set(statuses(store, run_id).values()) == {DONE}
    assert len(store.tasks(run_id)) == 1000


def test_words_that_a_database_cant_hold_cost_neither_report_nor_end(
    store: RunStore, accept: Accept
) -> None:
    run_id = accept()
    claimed(store, run_id)
    words = "bad \x00 \ud800 é"

    store.record(run_id, 1, "worker", [TaskReport("T", error=words, message=words)])
    assert store.finish(run_id, 1, "worker", Outcome(FAILED, error=words, traceback=words))

    error = got(store, run_id).error
    assert error is not None
    assert error.startswith("bad ")
    assert error.endswith(" é")
