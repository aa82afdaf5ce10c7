"""A child that resolved a request goes over to another parent, and runs there what it resolved."""

from __future__ import annotations

import contextlib
import json
import os
import select
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

from datanectar.child import main as child_module
from datanectar.errors import Unavailable
from datanectar.forkserver import memory, offers
from datanectar.forkserver import protocol as wire
from datanectar.forkserver.handle import Handle
from datanectar.forkserver.pool import Pool
from datanectar.forkserver.process import (
    FORK_SERVER_VARIABLE,
    SHARED,
    fork_server_command,
    fork_server_environ,
)
from datanectar.messages import Outcome, Resolution, ResolveJob, RunJob, encode
from datanectar.statuses import DONE
from datanectar.storage.attempt_files import attempt_folder
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
    web: Pool
    worker: Pool

    def meet(self, place: str, **raw: Any) -> tuple[Resolution, Handle]:
        """Have the web resolve a request by a child that stays."""
        type, chain, task = place.split("/")
        job = ResolveJob(type, chain, task, raw, "2016-06-03T12:00:00", stays=True)
        return self.web.meet(job, timeout=LIMIT, subject=place)

    def hand_on(self, place: str, **raw: Any) -> tuple[Resolution, Handle]:
        """Have the worker pick up the child that resolved a request."""
        resolution, child = self.meet(place, **raw)
        self.web.offer(child, NAME)
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

    def hand_on_and_run(self, place: str, **raw: Any) -> Ran:
        """Have a request resolved by one parent and run for the other."""
        return self.run(place, *self.hand_on(place, **raw))


@contextlib.contextmanager
def two_parents(bench: Bench) -> Iterator[Pair]:
    """Start a fork server and two parents that share it; none of them is left."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with ours, pytest.MonkeyPatch.context() as patch:
        with theirs:
            command = fork_server_command(theirs.fileno(), bench.settings, SHARED)
            environ = fork_server_environ(bench.settings)
            process = subprocess.Popen(command, pass_fds=[theirs.fileno()], env=environ)
        patch.setenv(FORK_SERVER_VARIABLE, str(ours.fileno()))
        pair = Pair(bench, *(Pool(bench.settings, ahead=1) for _ in range(2)))
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
    resolution, child = pair.hand_on("made/trace_chain/TraceTask")

    ran = pair.run("made/trace_chain/TraceTask", resolution, child)

    assert ran.outcome == Outcome(DONE), ran.outcome
    assert pair.bench.file(ran.key).read_text() == f"{child.pid} {child.pid}"
    assert ran.end == "exit code 0"  # which the second parent is told
    assert "imported" not in pair.bench.log(ran.key)


def test_what_its_import_printed_is_in_the_log_of_the_run(pair: Pair) -> None:
    pair.bench.stack.chain("made/trace_chain", TRACE)

    ran = pair.hand_on_and_run("made/trace_chain/LostTask")

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

    ran = pair.hand_on_and_run("made/keeps_chain/KeepTask")

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
    resolution, child = pair.hand_on(place, value=raw)

    ran = pair.run(place, resolution, child)

    assert resolution.key == pair.bench.resolve(place, value=raw).key
    expected = {"IntTask": "7", "DateTask": "datetime.date(2016, 6, 3)"}[kind]
    assert pair.bench.file(ran.key).read_text() == expected


def test_nothing_is_picked_up_twice_or_under_another_name(pair: Pair) -> None:
    _, child = pair.hand_on("basic/plain_chain/GreetTask", name="once")

    assert pair.worker.pick_up(NAME) is None
    assert pair.worker.pick_up("another") is None
    child.close()
    is_gone(child.pid)


def test_a_child_that_died_on_offer_is_not_given_out(pair: Pair) -> None:
    _, child = pair.meet("basic/plain_chain/GreetTask", name="dies")
    pair.web.offer(child, NAME)
    os.kill(child.pid, signal.SIGKILL)
    is_gone(child.pid)

    assert pair.worker.pick_up(NAME) is None


def test_who_has_picked_a_child_up_is_its_only_parent(pair: Pair) -> None:
    _, taken = pair.hand_on("basic/plain_chain/GreetTask", name="taken")

    others = pair.web._fork()
    pair.web.live_until(0)
    assert others.wait_end(15) == "killed by SIGKILL"
    assert is_running(taken.pid)

    pair.worker.live_until(0)
    assert taken.wait_end(15) == "killed by SIGKILL"
    for child in (taken, others):
        child.close()


def test_a_parents_end_leaves_what_it_has_handed_on(own_pair: Pair) -> None:
    place = "basic/plain_chain/GreetTask"
    resolution, child = own_pair.meet(place, name="orphan")
    own_pair.web.offer(child, NAME)

    own_pair.web.close()

    taken = own_pair.worker.pick_up(NAME)
    assert taken is not None
    assert own_pair.run(place, resolution, taken).outcome == Outcome(DONE)


def test_a_parents_end_ends_what_it_has_picked_up(own_pair: Pair) -> None:
    _, taken = own_pair.hand_on("basic/plain_chain/GreetTask", name="ended")

    own_pair.worker.close()

    assert taken.has_ended
    assert not is_running(taken.pid)
    taken.close()


@pytest.mark.slow
def test_what_nobody_picks_up_is_over_after_a_while(pair: Pair) -> None:
    _, child = pair.meet("basic/plain_chain/GreetTask", name="unwanted")
    pair.web.offer(child, NAME)

    wait_for(lambda: not is_running(child.pid), "the child is gone", offers.HOLDS + 15)

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
        _, taken = pair.hand_on("basic/plain_chain/GreetTask", name="survivor")
        marker.unlink()

        with pytest.raises(Unavailable):
            pair.web._fork()

        assert is_running(taken.pid)
        marker.touch()
        pair.web._fork().close()
        taken.close()


def test_where_warming_fails_runs_have_their_own_output_all_the_same(
    make_bench: Callable[..., Bench],
) -> None:
    bench = make_bench(DATANECTAR_PRELOAD="chains.common")
    for name in ("__init__", "common"):  # the warming's own chain then can't be imported
        (bench.settings.chains / f"{name}.py").write_text("")
    bench.stack.chain("made/__init__", "")
    bench.stack.chain("made/trace_chain", TRACE)
    bench.stack.start_luigid()
    with two_parents(bench) as pair:
        for _ in range(2):
            ran = pair.hand_on_and_run("made/trace_chain/LostTask")
            assert bench.log(ran.key).count("imported\n") == 1


def test_children_hold_no_descriptor_of_what_is_on_offer(pair: Pair) -> None:
    def descriptors(name: str) -> int:
        place = "bad/processes_chain/WhoTask"
        ran = pair.hand_on_and_run(place, name=name)
        return len(json.loads(pair.bench.file(ran.key).read_text())["descriptors"])

    alone = descriptors("alone")
    offered = [pair.meet("basic/plain_chain/GreetTask", name=f"n{n}")[1] for n in range(4)]
    for number, child in enumerate(offered):
        pair.web.offer(child, f"run {number}")
    for ahead in (pair.web, pair.worker):  # forked before the offers
        ahead._discard_ready()

    assert descriptors("accompanied") == alone

    for number in range(4):
        taken = pair.worker.pick_up(f"run {number}")
        assert taken is not None
        taken.close()


def test_a_parent_with_a_fork_server_of_its_own_closes_what_it_would_offer(bench: Bench) -> None:
    job = ResolveJob("basic", "plain_chain", "GreetTask", {"name": "x"}, "2016-06-03T12:00:00")
    _, child = bench.children.meet(job, timeout=LIMIT, subject="basic")

    assert not bench.children.can_be_handed_on
    bench.children.offer(child, NAME)

    is_gone(child.pid)
    assert bench.children.pick_up(NAME) is None


def test_a_taker_has_its_child_however_much_others_ask(pair: Pair) -> None:
    _, child = pair.meet("basic/plain_chain/GreetTask", name="in a crowd")
    pair.web.offer(child, NAME)
    over, client = threading.Event(), pair.web._fork_server
    assert client is not None
    many = wire._LAYOUT.pack(*wire.Message(wire.LIMIT, value=time.monotonic() + 600)) * 1000

    def ask_and_ask() -> None:
        while not over.is_set():
            with client._asking:
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


def test_who_has_no_descriptors_left_does_without_and_goes_on(pair: Pair) -> None:
    _, child = pair.meet("basic/plain_chain/GreetTask", name="poor")
    pair.web.offer(child, NAME)
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
    pair.hand_on("basic/plain_chain/GreetTask", name="rich")[1].close()


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

    handed = pair.hand_on_and_run(place, name="handed on")
    fresh = pair.bench.run(place, name="fresh")

    for ran in (handed, fresh):
        assert pair.bench.file(ran.key).read_text() == "7 1"
        assert "SAID WITHOUT A LINE END" in pair.bench.log(ran.key)


def test_runs_are_batch_processes_and_nothing_else_is(pair: Pair) -> None:
    source = (
        "import os\nfrom datanectar import NectarTask\n"
        "at_import = os.sched_getscheduler(0)\n"
        "class PolicyTask(NectarTask):\n"
        "    def run(self):\n"
        "        with self.output().open('w') as out:\n"
        "            out.write(f'{at_import} {os.sched_getscheduler(0)}')\n"
    )
    pair.bench.stack.chain("made/policy_chain", source)

    ran = pair.hand_on_and_run("made/policy_chain/PolicyTask")

    assert pair.bench.file(ran.key).read_text() == f"{os.SCHED_OTHER} {os.SCHED_BATCH}"


RUN = RunJob("1", 1, "made", "trace_chain", "TraceTask", {}, "2016-06-03T12:00:00", "key", "spool")


@pytest.fixture
def line() -> Iterator[tuple[socket.socket, socket.socket]]:
    """Where a child reads its jobs, and where they are written."""
    reader, writer = socket.socketpair()
    with reader, writer:
        yield reader, writer


def test_who_asked_is_answered_before_the_child_gets_ready(
    monkeypatch: pytest.MonkeyPatch, line: tuple[socket.socket, socket.socket]
) -> None:
    reader, writer = line
    monkeypatch.setattr(child_module, "_HEAD_START", 0.2)
    began, waited = time.monotonic(), list[float]()

    def get_ready() -> None:
        waited.append(time.monotonic() - began)
        writer.send(encode(RUN))

    assert child_module._await_run(reader.fileno(), get_ready, at_once=True) == RUN
    assert len(waited) == 1
    assert waited[0] >= 0.2


@pytest.mark.parametrize("at_once", [True, False])
def test_a_run_that_has_come_is_read_before_the_child_gets_ready(
    line: tuple[socket.socket, socket.socket], at_once: bool
) -> None:
    reader, writer = line
    unread = list[bool]()
    writer.send(encode(RUN))

    def get_ready() -> None:
        unread.append(bool(select.select([reader], [], [], 0)[0]))

    assert child_module._await_run(reader.fileno(), get_ready, at_once) == RUN
    assert unread == [False]


def test_a_child_that_is_not_wanted_does_not_get_ready(
    line: tuple[socket.socket, socket.socket],
) -> None:
    reader, writer = line
    writer.close()
    assert child_module._await_run(reader.fileno(), pytest.fail, at_once=True) is None


# --- how many may wait ---------------------------------------------------------------------


@pytest.fixture
def group(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str, int], None]:
    """Have this process be in a control group, of which only what is read is there."""
    own = tmp_path / "cgroup"
    own.write_text("4:memory:/elsewhere\n0::/a.slice/b.service\n")
    folder = tmp_path / "groups" / "a.slice" / "b.service"
    folder.mkdir(parents=True)
    monkeypatch.setattr(memory, "_OWN_GROUP", own)
    monkeypatch.setattr(memory, "_GROUPS", str(tmp_path / "groups"))

    def limit(most: str, used: int) -> None:
        (folder / "memory.max").write_text(f"{most}\n")
        (folder / "memory.current").write_text(f"{used}\n")

    return limit


def test_a_containers_limit_counts_when_it_leaves_less_than_the_machine(
    group: Callable[[str, int], None],
) -> None:
    group("max", 1)
    machine = memory.available()
    assert machine > 0

    group("5000000", 4_000_000)
    assert memory.available() == 1_000_000
    group("4000000", 5_000_000)
    assert memory.available() == 0
    group(str(10 * machine), 0)
    assert memory.available() > 1_000_000


def test_where_nothing_tells_of_memory_there_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("_MACHINE", "_OWN_GROUP"):
        monkeypatch.setattr(memory, name, Path("/nowhere"))

    assert memory.available() == 0


def test_what_waits_takes_a_tenth_of_what_would_be_left_without_it(
    group: Callable[[str, int], None],
) -> None:
    group("100000000", 0)
    assert offers.fit_into_memory(0, 10_000_000)
    assert not offers.fit_into_memory(0, 11_000_000)

    group("90000000", 0)  # what waits takes the rest
    assert not offers.fit_into_memory(10_000_000, 1_000_000)
    group("91000000", 0)
    assert offers.fit_into_memory(9_000_000, 1_000_000)


def test_what_a_fork_has_made_for_itself_is_known() -> None:
    def growth(megabytes: int) -> int:
        (there, ready), (go, leave) = os.pipe(), os.pipe()
        pid = os.fork()
        if pid == 0:
            kept = bytearray(os.urandom(1024)) * (megabytes * 1024)
            os.write(ready, b"x")
            os.read(go, len(kept[:1]))
            os._exit(0)
        os.read(there, 1)
        grown = memory.grown(pid)
        os.write(leave, b"x")
        os.waitpid(pid, 0)
        for descriptor in (there, ready, go, leave):
            os.close(descriptor)
        return grown

    assert growth(0) < 3e6
    assert 50e6 <= growth(50) < 56e6


def test_more_may_wait_when_they_are_taken(own_pair: Pair) -> None:
    def offer(count: int) -> list[Handle]:
        met = [own_pair.meet("basic/plain_chain/GreetTask", name=str(n))[1] for n in range(count)]
        for number, child in enumerate(met):
            own_pair.web.offer(child, f"run {number}")
        return met

    def take(count: int) -> list[Handle]:
        taken = [own_pair.worker.pick_up(f"run {number}") for number in range(count)]
        return [child for child in taken if child is not None]

    at_first = offers.FEW
    refused = offer(at_first + 1)[-1]
    is_gone(refused.pid)
    taken = take(at_first + 1)
    assert len(taken) == at_first

    offer(at_first + 1)
    more = take(at_first + 1)

    assert len(more) == at_first + 1
    for child in (*taken, *more):
        child.close()
