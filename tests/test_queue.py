"""The queue: messages come out as they went in, anything else is dropped."""

from __future__ import annotations

import json
import os
import pickle
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from datanectar.queue import ASSIST_MESSAGE, RUN_MESSAGE, RunQueue
from datanectar.runs.ids import new_id


@pytest.fixture(params=["sqlite", "redis", "postgres"])
def queue(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[RunQueue]:
    """An empty queue of each kind."""
    if request.param == "sqlite":
        url = f"sqlite:///{tmp_path / 'queue.db'}"
    elif request.param == "redis":
        url = f"{str(request.getfixturevalue('redis_url')).rpartition('/')[0]}/3"
    else:
        url = str(request.getfixturevalue("postgres_database"))
    queue = RunQueue(url)
    queue.huey.storage.flush_queue()
    yield queue
    queue.huey.storage.flush_queue()


def take_all(queue: RunQueue) -> list[tuple[Any, ...]]:
    """Handle what waits as a consumer's thread does; return what reached a handler."""
    handled: list[tuple[Any, ...]] = []
    for kind in (RUN_MESSAGE, ASSIST_MESSAGE):
        queue.on(kind, lambda *arguments, kind=kind: handled.append((kind, *arguments)))
    while queue.size():
        queue.huey.execute(queue.huey.dequeue())
    return handled


def test_messages_come_out_as_they_went_in(queue: RunQueue) -> None:
    run_id = new_id()

    queue.send(RUN_MESSAGE, run_id)
    queue.send(ASSIST_MESSAGE, run_id, 2, 31)

    assert take_all(queue) == [(RUN_MESSAGE, run_id), (ASSIST_MESSAGE, run_id, 2, 31)]


class Bomb:
    """What touches a file when it is unpickled."""

    def __init__(self, file: Path) -> None:
        self.file = file

    def __reduce__(self) -> Any:
        return (os.mkdir, (str(self.file),))


def test_what_is_no_message_of_ours_runs_nothing_and_is_dropped_in_a_line(
    queue: RunQueue, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Fault 4.8: who could write to the queue ran code in the worker."""
    run_id, fired = new_id(), tmp_path / "fired"
    bad = [
        pickle.dumps(Bomb(fired)),
        pickle.dumps(("deliver", (RUN_MESSAGE, run_id))),
        b"",
        b"\x80",
        b"\xff\xfe{}",
        b"null",
        b"5",
        b"{}",
        b"[]",
        b"[" * 150,
        b'["run"]',
        *(
            json.dumps(message).encode()
            for message in (
                ["other", run_id],
                [["run"], run_id],
                ["run", 5],
                ["run", "nonsense"],
                ["run", run_id + "\n"],
                ["run", run_id.upper()],
                ["run", run_id, 1],
                ["run", run_id, "x" * 500],
                ["assist", run_id],
                ["assist", run_id, 1],
                ["assist", run_id, 0, 1],
                ["assist", run_id, 1, -1],
                ["assist", run_id, True, 1],
                ["assist", run_id, 1.0, 1],
                ["assist", run_id, "1", 1],
                ["assist", run_id, 1, 2**63],
            )
        ),
    ]
    for data in bad:
        queue.huey.storage.enqueue(data)
    queue.send(RUN_MESSAGE, run_id)

    assert take_all(queue) == [(RUN_MESSAGE, run_id)]

    assert not fired.exists()
    said = [r for r in caplog.records if "is dropped from the queue" in r.getMessage()]
    assert len(said) == len(bad)
    assert not [r for r in caplog.records if r.exc_info]


def test_a_message_for_later_is_read_in_the_same_way(
    queue: RunQueue, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Fault 4.8's neighbours: Huey also reads its schedule, and what is revoked."""
    import datetime

    fired = tmp_path / "fired"
    past = datetime.datetime(2020, 1, 1)
    queue.huey.storage.add_to_schedule(pickle.dumps(Bomb(fired)), past)
    queue.huey.storage.put_data(f"r:{queue.huey.name}", pickle.dumps(Bomb(fired)))

    queue.huey.read_schedule(datetime.datetime(2026, 1, 1))
    queue.send(RUN_MESSAGE, new_id())
    take_all(queue)

    assert not fired.exists()
