"""What our luigid gives a worker with one reply, and takes back."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import pytest

from datanectar.luigid.client import Luigid
from datanectar.statuses import PENDING, RUNNING
from tests.servers.stack import Stack

_numbers = itertools.count()


@pytest.fixture(scope="module")
def luigid(tmp_path_factory: pytest.TempPathFactory) -> Any:
    stack = Stack(tmp_path_factory.mktemp("luigid"))
    try:
        stack.start_luigid()
        yield Luigid(stack.luigid_url, stack.settings.state)
    finally:
        stack.close()


@pytest.fixture
def worker() -> str:
    return f"worker{next(_numbers)}"


@pytest.fixture
def add(luigid: Luigid, worker: str) -> Callable[..., None]:
    """Give a function that schedules a task of this worker, under a name of its own."""

    def add(name: str, deps: tuple[str, ...] = (), **call: Any) -> None:
        ids = [f"{worker}.{dep}" for dep in deps]
        names = {"worker": worker, "task_id": f"{worker}.{name}", "family": "Family"}
        luigid.call("add_task", **names, deps=ids, **call)

    return add


def given(luigid: Luigid, worker: str, most: int, *current: str) -> list[str]:
    """Return the names of the tasks that a worker gets."""
    running = [f"{worker}.{name}" for name in current]
    work = luigid.call("get_work", worker=worker, host="h", current_tasks=running, most=most)
    ids = [work["task_id"], *work.get("more_task_ids", [])]
    return [task_id.rpartition(".")[2] for task_id in ids if task_id]


def status(luigid: Luigid, worker: str, name: str) -> str:
    task_id = f"{worker}.{name}"
    return str(luigid.call("dep_graph", task_id=task_id)[task_id]["status"])


def test_a_worker_gets_as_many_as_it_asks_for_and_those_run(
    luigid: Luigid, worker: str, add: Callable[..., None]
) -> None:
    for name in ("a", "b", "c", "d"):
        add(name)

    assert given(luigid, worker, 3) == ["a", "b", "c"]
    assert [status(luigid, worker, name) for name in "abcd"] == [RUNNING] * 3 + [PENDING]
    assert given(luigid, worker, 3, "a", "b", "c") == ["d"]


def test_who_asks_as_luigi_does_gets_one(
    luigid: Luigid, worker: str, add: Callable[..., None]
) -> None:
    add("a")
    add("b")

    work = luigid.call("get_work", worker=worker, host="h", current_tasks=[])

    assert work["task_id"] == f"{worker}.a"
    assert "more_task_ids" not in work


@pytest.mark.parametrize(
    ("why", "others"),
    [
        ("they need a resource", {"resources": {"gpu": 1}}),
        ("they are to be done in batches", {"batchable": True}),
        ("they have a lower priority", {"priority": -1}),
        ("others have a higher one, and wait", {"priority": 1, "deps": ("a",)}),
        ("what they require is missing", {"deps": ("a",)}),
    ],
)
def test_a_task_comes_alone_where_luigi_decides_anew(
    luigid: Luigid, worker: str, add: Callable[..., None], why: str, others: dict[str, Any]
) -> None:
    add("a")
    if why.startswith("others"):
        add("b")
    add("c", **others)

    assert given(luigid, worker, 9) == ["a"], why


def test_the_tasks_of_other_workers_stay_with_them(
    luigid: Luigid, worker: str, add: Callable[..., None]
) -> None:
    add("a")
    luigid.call("add_task", worker=f"another than {worker}", task_id=f"{worker}.b")

    assert given(luigid, worker, 9) == ["a"]


def test_what_is_given_back_waits_again_unless_it_is_another_workers(
    luigid: Luigid, worker: str, add: Callable[..., None]
) -> None:
    for name in ("a", "b", "c"):
        add(name)
    given(luigid, worker, 3)

    luigid.call("give_back", worker="another", task_ids=[f"{worker}.b"])
    luigid.call("give_back", worker=worker, task_ids=[f"{worker}.c", "unknown"])

    assert [status(luigid, worker, name) for name in "abc"] == [RUNNING, RUNNING, PENDING]
    assert given(luigid, worker, 3, "a", "b") == ["c"]


def test_what_was_given_in_a_reply_that_got_lost_is_given_again(
    luigid: Luigid, worker: str, add: Callable[..., None]
) -> None:
    for name in ("a", "b", "c"):
        add(name)
    lost = given(luigid, worker, 3)

    again: list[str] = []
    while len(again) < 3:
        again += given(luigid, worker, 1, *again)

    assert sorted(again) == sorted(lost)


def test_what_is_added_later_comes_by_its_priority(
    luigid: Luigid, worker: str, add: Callable[..., None]
) -> None:
    for name in ("a", "b", "c", "d"):
        add(name)
    assert given(luigid, worker, 2) == ["a", "b"]

    add("e", priority=5)

    assert given(luigid, worker, 2, "a", "b") == ["e"]
    assert given(luigid, worker, 9, "a", "b", "e") == ["c", "d"]


def test_who_has_all_there_is_gets_nothing(
    luigid: Luigid, worker: str, add: Callable[..., None]
) -> None:
    add("a")
    add("b")
    assert given(luigid, worker, 9) == ["a", "b"]

    assert given(luigid, worker, 9, "a", "b") == []
