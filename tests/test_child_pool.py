"""Children do jobs for their parent: each is answered with its own reply, or with why there is none."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import psutil
import pytest

from datanectar.child_pool import ChildPool, first_reply, fork_server_spec
from datanectar.errors import ChainError, StartupError
from datanectar.forkserver.handle import Handle
from datanectar.messages import (
    ChainDescription,
    DescribeJob,
    Resolution,
    SchedulerReport,
    TaskReport,
    encode,
)
from datanectar.settings import load
from datanectar.statuses import DONE
from tests.servers.bench import Bench
from tests.servers.processes import descendants, wait_for


def describe(children: ChildPool, name: str, timeout: float = 30) -> ChainDescription:
    chain: ChainDescription = children.ask(
        DescribeJob("made", name), timeout=timeout, subject=f"made/{name}"
    )
    return chain


def test_an_edited_chain_is_imported_fresh(bench: Bench) -> None:
    for text in ("first", "second"):
        bench.stack.chain("made/edited_chain", f'"""{text}"""')

        assert describe(bench.children, "edited_chain").doc == text


def test_a_chain_that_hangs_at_import_costs_its_own_child(bench: Bench) -> None:
    bench.stack.chain("made/hang_chain", "import time\ntime.sleep(600)\n")
    before = set(descendants(os.getpid()))

    with pytest.raises(ChainError, match=r"made/hang_chain: .* longer than 0.5 s"):
        describe(bench.children, "hang_chain", timeout=0.5)

    wait_for(lambda: len(set(descendants(os.getpid())) - before) <= 1, "its child is gone", 10)


@pytest.mark.parametrize(
    ("code", "end"),
    [
        ("os._exit(3)", "exit code 3"),
        ("os._exit(0)", "exit code 0"),
        ("os.kill(os.getpid(), 9)", "killed by SIGKILL"),
        ("import ctypes; ctypes.string_at(0)", "killed by SIGSEGV"),
        ("os.abort()", "killed by SIGABRT"),
    ],
)
def test_a_chain_that_ends_the_process_is_told_how(bench: Bench, code: str, end: str) -> None:
    bench.stack.chain("made/end_chain", f"import os\n{code}\n")

    with pytest.raises(ChainError, match=f"made/end_chain: .*{end}"):
        describe(bench.children, "end_chain")


def test_what_a_task_writes_into_every_pipe_harms_nobody(bench: Bench) -> None:
    ran = bench.run("bad/processes_chain/JunkReportTask", name="x")

    assert ran.outcome is not None and ran.outcome.status == DONE
    assert bench.file(ran.key).read_text() == "junk sent\n"


@pytest.mark.slow
def test_a_task_that_fills_the_pipe_for_ever_costs_no_memory(bench: Bench) -> None:
    bench.stack.chain(
        "made/flood_chain",
        "import os, stat\n"
        "for fd in map(int, os.listdir('/proc/self/fd')):\n"
        "    try:\n"
        "        while stat.S_ISFIFO(os.fstat(fd).st_mode): os.write(fd, b'x' * 65536)\n"
        "    except OSError:\n"
        "        pass\n",
    )
    before = psutil.Process().memory_info().rss

    with pytest.raises(ChainError, match="longer than 3 s"):
        describe(bench.children, "flood_chain", timeout=3)

    assert psutil.Process().memory_info().rss - before < 100e6


def test_a_preload_that_cant_be_imported_stops_the_start_and_is_named(
    make_bench: Callable[..., Bench], capfd: pytest.CaptureFixture[str]
) -> None:
    bench = make_bench(DATANECTAR_PRELOAD="json no_such_module_anywhere")

    with pytest.raises(StartupError, match="DATANECTAR_PRELOAD"):
        bench.children.start()

    assert "no_such_module_anywhere" in capfd.readouterr().err


def test_a_preload_is_there_before_the_chain_is(make_bench: Callable[..., Bench]) -> None:
    bench = make_bench(DATANECTAR_PRELOAD="wave").start()
    bench.stack.chain("made/early_chain", 'import sys\n__doc__ = str("wave" in sys.modules)\n')

    assert describe(bench.children, "early_chain").doc == "True"


def test_hundreds_of_jobs_leak_no_descriptor_and_no_process(bench: Bench) -> None:
    bench.stack.chain("made/many_chain", "")
    for _ in range(5):
        describe(bench.children, "many_chain")
    wait_for(lambda: bench.children._idle, "a child waits")
    descriptors = len(os.listdir("/proc/self/fd"))
    processes = len(descendants(os.getpid()))

    for _ in range(200):
        describe(bench.children, "many_chain")

    wait_for(lambda: len(os.listdir("/proc/self/fd")) <= descriptors, "no descriptor is left", 5)
    wait_for(lambda: len(descendants(os.getpid())) <= processes, "no process is left", 5)


def test_jobs_from_many_threads_are_each_answered_with_their_own(bench: Bench) -> None:
    for n in range(8):
        bench.stack.chain(f"made/thread{n}_chain", f'"""{n}"""')

    with ThreadPoolExecutor(8) as threads:
        names = [f"thread{n % 8}_chain" for n in range(64)]
        docs = list(threads.map(lambda name: describe(bench.children, name).doc, names))

    assert docs == [str(n % 8) for n in range(64)]


# --- replies -------------------------------------------------------------------------------


@pytest.fixture
def handle() -> Iterator[tuple[Handle, int]]:
    """A handle of a child without a process, and that child's end of the report pipe."""
    jobs_read, jobs_write = os.pipe()
    reports_read, reports_write = os.pipe()
    spec = fork_server_spec(load({}))
    handle = Handle(spec, lambda child: None, 1, 0.0, (jobs_write, reports_read))
    yield handle, reports_write
    handle.on_exit(0)
    handle.close()
    for descriptor in (jobs_read, reports_write):
        os.close(descriptor)


def test_a_message_of_another_kind_is_no_reply(handle: tuple[Handle, int]) -> None:
    """Fault 3.14's neighbour: a chain may send any record where a description is due."""
    child, reports = handle
    chain = ChainDescription("etl", "a_chain", "/somewhere")
    for record in (TaskReport("x"), SchedulerReport(True), chain):
        os.write(reports, encode(record))

    assert first_reply(child, 1.0, "etl/a_chain", ChainDescription) == chain
    os.write(reports, encode(TaskReport("x")))
    with pytest.raises(ChainError, match="import took longer than"):
        first_reply(child, 0.2, "etl/a_chain", ChainDescription)


def test_a_reply_that_can_not_be_used_says_what_is_wrong_with_it(
    handle: tuple[Handle, int],
) -> None:
    """Fault 3.14: ``width = 10**20`` answered 500."""
    child, reports = handle
    key = f"chains/etl/a_chain/ATask/{'0' * 32}"
    resolution = Resolution(key, "id", {}, {}, [], "{}", "2016-06-03", "local", None, width=10**20)
    os.write(reports, encode(resolution))
    child.on_exit(0)

    with pytest.raises(ChainError, match=r"can't be used \(.*<= 1000 - at `\$.width`"):
        first_reply(child, 5.0, "etl/a_chain", Resolution)
