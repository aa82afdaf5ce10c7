"""What is known of many keys, on both databases: by the newest run or task that had each."""

from __future__ import annotations

from datanectar.messages import Outcome, TaskReport
from datanectar.runs.store import RunStore
from datanectar.statuses import CANCELLED, DONE, FAILED, PENDING, RUNNING
from tests.runs.conftest import Accept, key_of, new_run

PREFIX = "chains/greetings/hello_chain/InnerTask/"


def run(store: RunStore, run_id: str, end: str | None, **statuses: str) -> None:
    """Claim a run, report tasks by word and status, and end it."""
    store.claim(run_id, "worker", 30)
    reports = [
        TaskReport(
            f"Inner_{word}", key=key_of(word, "InnerTask"), status=status, params={"word": word}
        )
        for word, status in statuses.items()
    ]
    assert store.record(run_id, 1, "worker", reports)
    if end:
        assert store.finish(run_id, 1, "worker", Outcome(end, None if end == DONE else "it broke"))


def test_the_newest_run_or_task_with_a_key_tells(store: RunStore, accept: Accept) -> None:
    run(store, accept("a"), FAILED, x=DONE, y=FAILED, z=PENDING)
    run(store, accept("b"), None, y=RUNNING, v=PENDING)
    own = store.accept(new_run("x", task="InnerTask"), max_queued=9)[0]  # of a key of its own
    store.request_cancel(own.id)
    accept("c")
    inner = {word: key_of(word, "InnerTask") for word in "xyzvw"}
    roots = {word: key_of(word) for word in "abc"}

    found = store.key_states([*inner.values(), *roots.values()])

    assert {word: found[key].status for word, key in inner.items() if key in found} == {
        "x": CANCELLED,
        "y": RUNNING,
        "v": PENDING,  # z waited in a run that has ended, and w is in none
    }
    assert {word: found[key].status for word, key in roots.items()} == {
        "a": FAILED,
        "b": RUNNING,
        "c": PENDING,
    }
    assert found[roots["a"]].is_root
    assert found[roots["a"]].error == "it broke"
    assert not found[inner["y"]].is_root
    assert store.key_states([]) == {}


def test_the_newest_keys_of_a_task_come_with_their_parameters(
    store: RunStore, accept: Accept
) -> None:
    run(store, accept("a"), DONE, one=DONE, two=DONE)
    run(store, accept("b"), FAILED, two=FAILED, three=DONE)
    there = store.accept_done(new_run("four", task="InnerTask", word="four's \\ %_"))
    run(store, accept("other", task="InnerTaskB"), DONE)

    found = store.newest_keys(PREFIX, (), 10)

    assert found[0].params["word"] == "four's \\ %_"
    assert {(one.params["word"], one.status) for one in found[1:]} == {
        ("one", DONE), ("two", FAILED), ("three", DONE),
    }  # fmt: skip
    assert (found[0].run_id, found[0].storage, found[0].output) == (there.id, "local", "out.txt")
    assert found[0].made is not None
    assert [one.params["word"] for one in store.newest_keys(PREFIX, ("thr",), 10)] == ["three"]
    assert store.newest_keys(PREFIX, ("th_", "%"), 10) == []
    assert len(store.newest_keys(PREFIX, (), 2)) == 2
    assert store.newest_keys(PREFIX.replace("Inner", "inner"), (), 10) == []


def test_the_parameters_of_the_last_runs(store: RunStore, accept: Accept) -> None:
    for word in "abc":
        accept(word, name=word)
    accept("d", task="OtherTask", name="d")
    path = ("greetings", "hello_chain", "HelloTask")
    assert store.ran_params(path, 2) == [{"name": "c"}, {"name": "b"}]
