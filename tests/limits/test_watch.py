"""Limits for all processes of a task together: real ones that take more, in runs of the service."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from datanectar.messages import Outcome
from datanectar.statuses import DONE, FAILED
from tests.servers.bench import Bench, Ran
from tests.servers.processes import wait_for
from tests.servers.stack import Stack

PLACE = "made/crowded_chain"
CHAIN = '''
import ctypes, luigi, multiprocessing, os, signal, subprocess, sys, threading, time
from datanectar import NectarTask

class NotingTask(NectarTask):
    pids = luigi.Parameter()
    def note(self, pid):
        with open(self.pids, "a") as lines:
            print(pid, file=lines)

class TogetherTask(NotingTask):
    """Has programs that each hold less than the limit, and together more."""
    memory = "250 MB"
    def run(self):
        hold = "held = bytearray(b'x' * 10**8); input()"
        programs = [
            subprocess.Popen([sys.executable, "-c", hold], stdin=subprocess.PIPE) for _ in range(4)
        ]
        for program in programs:
            self.note(program.pid)
        programs[0].wait()

class SharingTask(NectarTask):
    """Its processes share what it holds, so that it counts once."""
    memory = "300 MB"
    def run(self):
        held = bytearray(b"x" * (150 * 10**6))
        pids = [os.fork() for _ in range(3)]
        if 0 in pids:
            time.sleep(1)
            os._exit(0)
        for pid in pids:
            os.waitpid(pid, 0)
        self.save("done")

class ForkingTask(NotingTask):
    """Starts one process from another, each of which loses its parent."""
    processes = 20
    def run(self):
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        while True:
            pid = os.fork()
            if pid == 0:
                os.setsid()
                if os.fork():
                    os._exit(0)
                self.note(os.getpid())
                time.sleep(1000)
            os.waitpid(pid, 0)
            time.sleep(0.01)

class ThreadsTask(NectarTask):
    processes = 20
    def run(self):
        while True:
            threading.Thread(target=time.sleep, args=(1000,), daemon=True).start()
            time.sleep(0.01)

class DeafTask(NectarTask):
    """Uses the CPU, and does not want to hear of it."""
    cpu_time = 1
    def run(self):
        signal.signal(signal.SIGXCPU, signal.SIG_IGN)
        while True:
            pass

class BesideTask(NectarTask):
    """Runs beside one that takes too much."""
    def run(self):
        time.sleep(1)
        self.save("beside")

class LaterTask(BesideTask):
    """Is there only when another task asks for it."""

class BothTask(luigi.WrapperTask):
    workers = 2
    pids = luigi.Parameter()
    def requires(self):
        return [BesideTask(), ForkingTask(pids=self.pids)]

class YieldingTask(NectarTask):
    """Asks for what it needs on its way, and takes memory and CPU time in each round."""
    processes = 50
    def run(self):
        end = time.process_time() + 0.3
        while time.process_time() < end:
            pass
        held = bytearray(b"x" * (100 * 10**6))
        yield LaterTask()
        self.save("done")
'''


@pytest.fixture(scope="module")
def crowded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    stack = Stack(tmp_path_factory.mktemp("crowded"), environ={"DATANECTAR_KILL_AFTER": "0.5"})
    stack.chain(PLACE, CHAIN)
    bench = Bench(stack)
    yield bench.start()
    bench.close()


def error_of(ran: Ran) -> str:
    assert ran.outcome is not None and ran.outcome.status == FAILED, ran.outcome
    return str(ran.outcome.error)


def pids_in(file: Path) -> list[int]:
    return [int(line) for line in file.read_text().split()]


def test_processes_that_hold_too_much_together_are_killed_and_the_peak_is_told(
    crowded: Bench, tmp_path: Path
) -> None:
    ran = crowded.run(f"{PLACE}/TogetherTask", pids=str(tmp_path / "pids"))

    error = error_of(ran)
    held = re.search(r"TogetherTask\w* held ([\d.]+) MB of memory, more than its memory", error)
    assert held and float(held[1]) > 250
    assert "memory = '250 MB': raise `memory` on its class" in error
    assert error in crowded.log(ran.key)
    assert ran.reported("TogetherTask")["peak_memory"] > 250 * 10**6
    wait_for(lambda: not any(map(psutil.pid_exists, pids_in(tmp_path / "pids"))), "their end")


def test_memory_that_processes_share_counts_once(crowded: Bench) -> None:
    ran = crowded.run(f"{PLACE}/SharingTask")

    assert ran.outcome == Outcome(DONE), crowded.log(ran.key)
    assert ran.reported("SharingTask")["peak_memory"] > 150 * 10**6


def test_a_task_that_forks_on_and_on_dies_alone_with_all_that_it_left_orphaned(
    crowded: Bench, tmp_path: Path
) -> None:
    ran = crowded.run(f"{PLACE}/BothTask", pids=str(tmp_path / "pids"))

    error = error_of(ran)
    assert re.search(
        r"ForkingTask\w* had \d+ processes and threads, more than its processes = 20: ", error
    )
    assert ran.reported("BesideTask")["status"] == DONE
    wait_for(lambda: not any(map(psutil.pid_exists, pids_in(tmp_path / "pids"))), "their end")


def test_threads_count_as_processes(crowded: Bench) -> None:
    error = error_of(crowded.run(f"{PLACE}/ThreadsTask"))

    assert "processes and threads, more than its processes = 20" in error


def test_a_task_that_ignores_the_end_of_its_cpu_time_is_killed(crowded: Bench) -> None:
    ran = crowded.run(f"{PLACE}/DeafTask")

    assert re.search(r"used [1-3]\.\d s of CPU time, more than its cpu_time = 1: ", error_of(ran))
    assert ran.reported("DeafTask")["cpu_time"] >= 1


def test_what_a_task_took_is_reported_for_each_of_its_rounds(crowded: Bench) -> None:
    ran = crowded.run(f"{PLACE}/YieldingTask")

    assert ran.outcome == Outcome(DONE), crowded.log(ran.key)
    rounds = [each for each in ran.reports if "Yielding" in each.task_id and each.cpu_time]
    assert [each.cpu_time >= 0.3 for each in rounds] == [True, True]
    assert all(each.peak_memory > 100 * 10**6 for each in rounds)


def test_the_settings_limit_what_declares_no_limit_and_plain_luigi_tasks_too(
    make_bench: Callable[..., Bench],
) -> None:
    bench = make_bench(DATANECTAR_TASK_MEMORY="100 MB", DATANECTAR_TASK_TIMEOUT="1").start()
    bench.stack.chain(
        "made/plain_chain",
        "import luigi, time\n"
        "class HeldTask(luigi.Task):\n"
        "    def run(self): held = bytearray(300 * 10**6)\n"
        "class LateTask(luigi.Task):\n"
        "    def run(self): time.sleep(60)\n",
    )

    held, late = (error_of(bench.run(f"made/plain_chain/{name}Task")) for name in ("Held", "Late"))

    assert "HeldTask wanted more than DATANECTAR_TASK_MEMORY = 100 MB: raise" in held
    assert "timed out after 1 seconds" in late
