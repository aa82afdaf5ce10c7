"""Control groups: the kernel's own where one is delegated, else files that look like one's."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from datanectar.authoring.needs import Needs
from datanectar.limits import cgroup
from datanectar.limits.cgroup import Group, delegated
from datanectar.messages import Outcome
from datanectar.statuses import FAILED
from tests.servers.bench import Bench
from tests.servers.processes import wait_for

NONE = "no cgroup (v2) with memory and pids is delegated to this process: see docs/limits.md"
#: What the kernel has in a group (admin-guide/cgroup-v2.rst).
FILES = {
    "memory.current": "1000\n",
    "memory.peak": "3000\n",
    "memory.events": "low 0\nhigh 0\nmax 4\noom 0\noom_kill 0\noom_group_kill 0\n",
    "pids.current": "7\n",
    "pids.events": "max 0\n",
    "cpu.stat": "usage_usec 1500000\nuser_usec 1000000\nsystem_usec 500000\n",
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name, text in FILES.items():
        (tmp_path / name).write_text(text)
    return tmp_path


def test_a_group_is_given_the_limits_in_the_kernels_words(folder: Path) -> None:
    Group(folder, Needs(memory=10**9, processes=20)).enter()

    texts = {
        "memory.max": "1000000000",
        "memory.oom.group": "1",
        "memory.swap.max": "0",
        "pids.max": "20",
        "cgroup.procs": "0",
    }
    assert {name: (folder / name).read_text() for name in texts} == texts


@pytest.mark.parametrize(
    ("name", "text", "reached"),
    [
        ("memory.events", FILES["memory.events"], None),
        ("memory.events", "max 4\noom 1\noom_kill 3\noom_group_kill 1\n", "memory"),
        ("pids.events", "max 2\n", "processes"),
    ],
)
def test_what_the_kernel_counts_says_which_limit_was_reached(
    folder: Path, name: str, text: str, reached: str | None
) -> None:
    (folder / name).write_text(text)
    group = Group(folder, Needs(memory=10**9, processes=20))

    assert group.look() == reached
    assert (group.memory, group.peak_memory, group.count, group.cpu_time) == (1000, 3000, 7, 1.5)


def test_a_group_without_the_controllers_is_not_used_and_what_was_left_is_removed(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cgroup.log, "propagate", True)
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    left, live = (tmp_path / f"datanectar-{pid}-0" for pid in (ended.pid, os.getpid()))
    for each in (left, live):
        each.mkdir()
    (tmp_path / "cgroup.controllers").write_text("cpu io\n")
    assert delegated(str(tmp_path)) is None
    assert f"{tmp_path} can't be used: it has no controller memory or pids" in caplog.text

    delegated.cache_clear()
    (tmp_path / "cgroup.controllers").write_text("cpu io memory pids\n")
    assert delegated(str(tmp_path)) == tmp_path
    assert (tmp_path / "cgroup.subtree_control").read_text() == "+memory +pids"
    assert not left.exists() and live.exists()


def test_a_real_group_counts_cpu_time_and_ends_all_that_entered_it() -> None:
    """It needs no controller, so it can be tried where a process may make groups below its own."""
    mounts = (line.split() for line in Path("/proc/mounts").read_text().splitlines())
    roots = [Path(words[1]) for words in mounts if words[2] == "cgroup2"]
    own = Path("/proc/self/cgroup").read_text().partition("0::/")[2].partition("\n")[0]
    if not roots or not os.access(roots[0] / own, os.W_OK):
        pytest.skip("no cgroup (v2) that this process may make groups in")
    group = Group(roots[0] / own / f"{cgroup._PREFIX}test-{os.getpid()}", Needs())
    group.folder.mkdir()
    try:
        pid = os.fork()
        if pid == 0:
            group.enter()
            os.fork()  # the one that it starts is in the group too
            while True:
                pass
        wait_for(lambda: group.look() is None and group.cpu_time > 0.2, "CPU time")
        assert len((group.folder / "cgroup.procs").read_text().split()) == 2
        group.kill()
        assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == -signal.SIGKILL
    finally:
        wait_for(lambda: group.remove() or not group.folder.exists(), "its end")


def test_the_kernel_ends_a_task_that_takes_too_much(make_bench: Callable[..., Bench]) -> None:
    parent = delegated(os.environ.get("DATANECTAR_CGROUP", ""))
    if parent is None:
        pytest.skip(NONE)
    bench = make_bench(DATANECTAR_CGROUP=str(parent)).start()
    bench.stack.chain(
        "made/group_chain",
        "import os, subprocess, sys, time\n"
        "from datanectar import NectarTask\n"
        "class HeldTask(NectarTask):\n"
        "    memory = '100 MB'\n"
        "    def run(self):\n"
        "        hold = 'held = bytearray(6 * 10**7); input()'\n"
        "        words = [sys.executable, '-c', hold]\n"
        "        for program in [subprocess.Popen(words, stdin=-1) for _ in range(3)]:\n"
        "            program.wait()\n"
        "class ForkTask(NectarTask):\n"
        "    processes = 20\n"
        "    def run(self):\n"
        "        while os.fork(): pass\n"
        "        time.sleep(1000)\n",
    )

    held, forked = (bench.run(f"made/group_chain/{name}Task").outcome for name in ("Held", "Fork"))

    for outcome, words in ((held, "its memory = '100 MB'"), (forked, "its processes = 20")):
        assert isinstance(outcome, Outcome) and outcome.status == FAILED
        assert words in str(outcome.error)
    assert not list(parent.glob(f"{cgroup._PREFIX}*"))
