"""A child that resolved a request is handed over to another parent, and runs there what it resolved."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from datanectar.attempt_files import attempt_folder
from datanectar.child_pool import FORK_SERVER_VARIABLE, ChildPool, fork_server_spec
from datanectar.forkserver import handover, protocol
from datanectar.forkserver.client import NoChild
from datanectar.forkserver.handle import Handle
from datanectar.messages import Outcome, Resolution, ResolveJob, RunJob
from datanectar.statuses import DONE
from tests.servers.bench import LIMIT, Bench, Ran
from tests.servers.processes import is_running, wait_for

pytestmark = pytest.mark.skipif(
    sys.platform != "linux", reason="fork servers are shared on Linux alone"
)

NAME = "a run's id"

#: Says where it is imported and where it runs.
TRACE = """
import os
from datanectar import NectarTask

print("imported", flush=True)
imported = os.getpid()


class TraceTask(NectarTask):
    frequency = "once"

    def run(self):
        print("running")
        with self.output().open("w") as out:
            out.write(f"{imported} {os.getpid()}")


class LostTask(TraceTask):
    def requires(self):
        raise RuntimeError("no way")
"""


@dataclass
class Pair:
    """Two parents that share a fork server: one resolves, as the web does, the other one runs."""

    bench: Bench
    web: ChildPool
    worker: ChildPool

    def resolve(self, place: str, **raw: Any) -> tuple[Resolution, Handle]:
        """Have the web resolve a request by a child that stays."""
        type, chain, task = place.split("/")
        job = ResolveJob(type, chain, task, raw, "2016-06-03T12:00:00", stays=True)
        return self.web.ask_and_keep(job, timeout=LIMIT, subject=place)

    def resolve_and_hand_over(self, place: str, **raw: Any) -> tuple[Resolution, Handle]:
        """Have the worker pick up the child that resolved a request."""
        resolution, child = self.resolve(place, **raw)
        self.web.hand_over(child, NAME)
        taken = self.worker.pick_up(NAME)
        assert taken is not None
        assert (taken.pid, taken.started) == (child.pid, child.started)
        return resolution, taken

    def run(self, place: str, resolution: Resolution, child: Handle) -> Ran:
        """Have the child run what it resolved, and wait for the end."""
        type, chain, task = place.split("/")
        attempt_dir = attempt_folder(self.bench.settings.state, "handed", 1)
        job = RunJob("handed", 1, type, chain, task, resolution.params, resolution.run_time,
                     resolution.key, str(attempt_dir))  # fmt: skip
        child.send(job)
        return self.bench.finish(Ran("handed", resolution.key, attempt_dir, child))

    def hand_over_and_run(self, place: str, **raw: Any) -> Ran:
        """Have a request resolved by one parent and run for the other."""
        return self.run(place, *self.resolve_and_hand_over(place, **raw))


@contextlib.contextmanager
def two_parents(bench: Bench) -> Iterator[Pair]:
    """Start a fork server and two parents that share it; none of them is left."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with ours, pytest.MonkeyPatch.context() as patch:
        with theirs:
            spec = fork_server_spec(bench.settings)
            command = spec.command(theirs.fileno(), shared=True)
            process = subprocess.Popen(command, pass_fds=[theirs.fileno()], env=spec.environ)
        patch.setenv(FORK_SERVER_VARIABLE, str(ours.fileno()))
        pair = Pair(bench, *(ChildPool(bench.settings, ahead=1) for _ in range(2)))
        for parent in (pair.web, pair.worker):
            parent.start()
        patch.delenv(FORK_SERVER_VARIABLE)
        yield pair
        for parent in (pair.web, pair.worker):
            parent.close()
        assert process.poll() is None  # others may come
    assert process.wait(LIMIT) == 0  # nobody can come any more


@pytest.fixture(scope="module")
def pair(bench: Bench) -> Iterator[Pair]:
    """Two parents for the tests that leave them both alive."""
    with two_parents(bench) as pair:
        yield pair


@pytest.fixture
def own_pair(bench: Bench) -> Iterator[Pair]:
    """Two parents that a test may end."""
    with two_parents(bench) as pair:
        yield pair


def is_gone(pid: int) -> None:
    wait_for(lambda: not is_running(pid), f"{pid} is gone", 15)


def test_a_run_goes_on_in_the_child_that_resolved_it(pair: Pair) -> None:
    pair.bench.stack.chain("made/trace_chain", TRACE)
    resolution, child = pair.resolve_and_hand_over("made/trace_chain/TraceTask")

    ran = pair.run("made/trace_chain/TraceTask", resolution, child)

    assert ran.outcome == Outcome(DONE), ran.outcome
    assert pair.bench.file(ran.key).read_text() == f"{child.pid} {child.pid}"
    assert ran.end == "exit code 0"  # which the second parent is told
    assert "imported" not in pair.bench.log(ran.key)


def test_what_its_import_printed_is_in_the_log_of_the_run(pair: Pair) -> None:
    pair.bench.stack.chain("made/trace_chain", TRACE)

    ran = pair.hand_over_and_run("made/trace_chain/LostTask")

    assert ran.outcome is not None and "no way" in str(ran.outcome.error)
    assert pair.bench.log(ran.key).startswith("imported\n")


def test_what_is_written_to_a_stream_that_the_import_kept_is_in_the_log(pair: Pair) -> None:
    source = (
        "import sys\nfrom datanectar import NectarTask\n"
        "kept = sys.stdout\n"
        "class KeepTask(NectarTask):\n"
        "    def run(self):\n"
        "        print('to the stream that was kept', file=kept)\n"
        "        self.output().open('w').close()\n"
    )
    pair.bench.stack.chain("made/keeps_chain", source)

    ran = pair.hand_over_and_run("made/keeps_chain/KeepTask")

    assert "to the stream that was kept" in pair.bench.log(ran.key)


@pytest.mark.parametrize("kind", ["IntTask", "DateTask"])
def test_it_runs_what_was_answered(pair: Pair, kind: str) -> None:
    raw = {"IntTask": "007", "DateTask": "2016-06-03"}[kind]
    source = (
        "import luigi\nfrom datanectar import NectarTask\n"
        "class IntTask(NectarTask):\n    value = luigi.IntParameter()\n"
        "    def run(self):\n"
        "        with self.output().open('w') as out: out.write(repr(self.value))\n"
        "class DateTask(IntTask):\n    value = luigi.DateParameter()\n"
    )
    pair.bench.stack.chain("made/typed_chain", source)
    place = f"made/typed_chain/{kind}"
    resolution, child = pair.resolve_and_hand_over(place, value=raw)

    ran = pair.run(place, resolution, child)

    assert resolution.key == pair.bench.resolve(place, value=raw).key
    expected = {"IntTask": "7", "DateTask": "datetime.date(2016, 6, 3)"}[kind]
    assert pair.bench.file(ran.key).read_text() == expected


def test_nothing_is_picked_up_twice_or_under_another_name(pair: Pair) -> None:
    _, child = pair.resolve_and_hand_over("basic/plain_chain/GreetTask", name="once")

    assert pair.worker.pick_up(NAME) is None
    assert pair.worker.pick_up("another") is None
    child.close()
    is_gone(child.pid)


def test_a_child_that_died_while_it_waited_is_not_picked_up(pair: Pair) -> None:
    _, child = pair.resolve("basic/plain_chain/GreetTask", name="dies")
    pair.web.hand_over(child, NAME)
    os.kill(child.pid, signal.SIGKILL)
    is_gone(child.pid)

    assert pair.worker.pick_up(NAME) is None


def test_the_parent_that_picked_a_child_up_is_its_only_parent(pair: Pair) -> None:
    _, taken = pair.resolve_and_hand_over("basic/plain_chain/GreetTask", name="taken")

    others = pair.web._fork()
    pair.web.live_until(0)
    assert others.wait_end(15) == "killed by SIGKILL"
    assert is_running(taken.pid)

    pair.worker.live_until(0)
    assert taken.wait_end(15) == "killed by SIGKILL"
    for child in (taken, others):
        child.close()


def test_a_parents_end_leaves_the_child_that_it_handed_over(own_pair: Pair) -> None:
    place = "basic/plain_chain/GreetTask"
    resolution, child = own_pair.resolve(place, name="orphan")
    own_pair.web.hand_over(child, NAME)

    own_pair.web.close()

    taken = own_pair.worker.pick_up(NAME)
    assert taken is not None
    assert own_pair.run(place, resolution, taken).outcome == Outcome(DONE)


def test_a_parents_end_ends_the_child_that_it_picked_up(own_pair: Pair) -> None:
    _, taken = own_pair.resolve_and_hand_over("basic/plain_chain/GreetTask", name="ended")

    own_pair.worker.close()

    assert taken.has_ended
    assert not is_running(taken.pid)
    taken.close()


@pytest.mark.slow
def test_a_child_that_nobody_picks_up_ends_after_a_while(pair: Pair) -> None:
    _, child = pair.resolve("basic/plain_chain/GreetTask", name="nobody's")
    pair.web.hand_over(child, NAME)

    wait_for(lambda: not is_running(child.pid), "the child is gone", handover.HOLD + 15)

    assert pair.worker.pick_up(NAME) is None


FAILING = """
import os
from pathlib import Path

fork = os.fork
os.fork = lambda: os.open(marker, 0) if not (marker := Path({marker!r})).exists() else fork()
"""


def test_a_fork_that_fails_costs_nobody_a_child(
    make_bench: Callable[..., Bench], tmp_path: Path
) -> None:
    """The fork server's ``os.fork`` fails as the system's does when there are too many processes."""
    marker = tmp_path / "forks"
    bench = make_bench(DATANECTAR_PRELOAD="failing_forks")
    (bench.settings.code / "failing_forks.py").write_text(FAILING.format(marker=str(marker)))
    marker.touch()
    bench.stack.start_luigid()
    with two_parents(bench) as pair:
        _, taken = pair.resolve_and_hand_over("basic/plain_chain/GreetTask", name="survivor")
        marker.unlink()

        with pytest.raises(NoChild):
            pair.web._fork()

        assert is_running(taken.pid)
        marker.touch()
        pair.web._fork().close()
        taken.close()


def test_runs_have_their_own_output_where_the_warm_up_failed(
    make_bench: Callable[..., Bench],
) -> None:
    bench = make_bench(DATANECTAR_PRELOAD="chains.common")
    for name in ("__init__", "common"):  # the warm-up's chain then can't be imported
        (bench.settings.chains / f"{name}.py").write_text("")
    bench.stack.chain("made/__init__", "")
    bench.stack.chain("made/trace_chain", TRACE)
    bench.stack.start_luigid()
    with two_parents(bench) as pair:
        for _ in range(2):
            ran = pair.hand_over_and_run("made/trace_chain/LostTask")
            assert bench.log(ran.key).count("imported\n") == 1


def test_children_hold_no_descriptor_of_children_that_wait(pair: Pair) -> None:
    def descriptors(name: str) -> int:
        place = "bad/processes_chain/WhoTask"
        ran = pair.hand_over_and_run(place, name=name)
        return len(json.loads(pair.bench.file(ran.key).read_text())["descriptors"])

    alone = descriptors("alone")
    offered = [pair.resolve("basic/plain_chain/GreetTask", name=f"n{n}")[1] for n in range(4)]
    for number, child in enumerate(offered):
        pair.web.hand_over(child, f"run {number}")
    for ahead in (pair.web, pair.worker):  # forked before the hand-overs
        ahead._discard_idle()

    assert descriptors("accompanied") == alone

    for number in range(4):
        taken = pair.worker.pick_up(f"run {number}")
        assert taken is not None
        taken.close()


def test_a_parent_with_a_fork_server_of_its_own_hands_nothing_over(bench: Bench) -> None:
    job = ResolveJob("basic", "plain_chain", "GreetTask", {"name": "x"}, "2016-06-03T12:00:00")
    _, child = bench.children.ask_and_keep(job, timeout=LIMIT, subject="basic")

    assert not bench.children.can_hand_over
    bench.children.hand_over(child, NAME)

    is_gone(child.pid)
    assert bench.children.pick_up(NAME) is None


def test_a_pick_up_finds_its_child_however_much_others_ask(pair: Pair) -> None:
    _, child = pair.resolve("basic/plain_chain/GreetTask", name="in a crowd")
    pair.web.hand_over(child, NAME)
    over, client = threading.Event(), pair.web._fork_server
    assert client is not None
    many = (
        protocol._LAYOUT.pack(*protocol.Message(protocol.KILL_AT, value=time.monotonic() + 600))
        * 1000
    )

    def ask_and_ask() -> None:
        while not over.is_set():
            with client._sending:
                client._socket.sendall(many)

    crowd = threading.Thread(target=ask_and_ask)
    crowd.start()
    try:
        taken = pair.worker.pick_up(NAME)
    finally:
        over.set()
        crowd.join()

    assert taken is not None
    taken.close()


def test_a_parent_without_descriptors_picks_nothing_up_and_goes_on(pair: Pair) -> None:
    _, child = pair.resolve("basic/plain_chain/GreetTask", name="poor")
    pair.web.hand_over(child, NAME)
    filling: list[int] = []
    with contextlib.suppress(OSError):
        while True:
            filling.append(os.dup(0))
    try:
        taken = pair.worker.pick_up(NAME)
    finally:
        for descriptor in filling:
            os.close(descriptor)

    assert taken is None
    is_gone(child.pid)
    pair.resolve_and_hand_over("basic/plain_chain/GreetTask", name="rich")[1].close()


def test_what_its_import_set_up_is_there_for_the_run(pair: Pair) -> None:
    source = (
        "import sys, luigi\nfrom datanectar import NectarTask\n"
        "class Twice:\n"
        "    def __init__(self, stream): self.stream = stream\n"
        "    def write(self, text): self.stream.write(text.upper())\n"
        "    def flush(self): self.stream.flush()\n"
        "    closed = False\n"
        "sys.stdout = Twice(sys.stdout)\n"
        "class PartTask(NectarTask):\n"
        "    rows = None\n"
        "PartTask().rows = 7\n"
        "class KeepTask(NectarTask):\n"
        "    name = luigi.Parameter()\n"
        "    asked = 0\n"
        "    def complete(self):\n"
        "        self.asked += 1\n"
        "        return super().complete()\n"
        "    def run(self):\n"
        "        print('said without a line end', end='')\n"
        "        with self.output().open('w') as out: out.write(f'{PartTask().rows} {self.asked}')\n"
    )
    pair.bench.stack.chain("made/sets_up_chain", source)
    place = "made/sets_up_chain/KeepTask"

    handed = pair.hand_over_and_run(place, name="handed over")
    fresh = pair.bench.run(place, name="fresh")

    for ran in (handed, fresh):
        assert pair.bench.file(ran.key).read_text() == "7 1"
        assert "SAID WITHOUT A LINE END" in pair.bench.log(ran.key)


def test_more_may_wait_when_they_are_picked_up(own_pair: Pair) -> None:
    def hand_over(count: int) -> list[Handle]:
        resolved = [
            own_pair.resolve("basic/plain_chain/GreetTask", name=str(n))[1] for n in range(count)
        ]
        for number, child in enumerate(resolved):
            own_pair.web.hand_over(child, f"run {number}")
        return resolved

    def pick_up(count: int) -> list[Handle]:
        picked_up = [own_pair.worker.pick_up(f"run {number}") for number in range(count)]
        return [child for child in picked_up if child is not None]

    at_first = handover.FEW
    refused = hand_over(at_first + 1)[-1]
    is_gone(refused.pid)
    first = pick_up(at_first + 1)
    assert len(first) == at_first

    hand_over(at_first + 1)
    more = pick_up(at_first + 1)

    assert len(more) == at_first + 1
    for child in (*first, *more):
        child.close()


def test_no_more_than_the_most_may_ever_wait() -> None:
    handovers = handover.Handovers()

    def add(number: int) -> bool:
        pipes = [os.open(os.devnull, os.O_RDONLY) for _ in range(2)]
        message = protocol.Message(protocol.HAND_OVER, number, name=str(number).encode())
        return handovers.add(handover.Handover(message, pipes))

    for number in range(10 * handover.MOST):
        assert add(number)
        picked_up = handovers.pick_up(str(number).encode())
        assert picked_up is not None
        picked_up.close()

    assert [add(number) for number in range(handover.MOST + 1)] == [True] * handover.MOST + [False]
    handovers.close()


def test_fewer_may_wait_when_nobody_picks_them_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(handover, "MORE_PER_PICK_UP", 3 * handover.FEW)
    handovers = handover.Handovers()

    def add(number: int, until: float) -> bool:
        pipes = [os.open(os.devnull, os.O_RDONLY) for _ in range(2)]
        message = protocol.Message(protocol.HAND_OVER, number, name=str(number).encode())
        return handovers.add(handover.Handover(message, pipes, until))

    add(0, time.monotonic() + 60)
    picked_up = handovers.pick_up(b"0")
    assert picked_up is not None
    picked_up.close()
    for number in range(2):
        assert add(number, until=0.0)

    assert handovers.remove_overdue() == [0, 1]
    later = time.monotonic() + 60
    assert [add(n, later) for n in range(handover.FEW + 1)] == [True] * handover.FEW + [False]
    assert handovers.next_deadline() == later
    handovers.close()
