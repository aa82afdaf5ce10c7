"""Pages that a fork will write to are learnt, copied ahead, and given back when nobody comes."""

from __future__ import annotations

import ctypes
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from datanectar.child_pool import ChildPool
from datanectar.forkserver import pool as pool_module
from datanectar.messages import ResolveJob
from tests.servers.bench import Bench
from tests.servers.processes import wait_for

pytestmark = pytest.mark.skipif(
    tuple(map(int, os.uname().release.split(".")[:2])) < (5, 14) or not Path("/proc").is_dir(),
    reason="Linux has MADV_POPULATE_WRITE since 5.14",
)

#: More than one call takes.
PAGES = 1500
#: Whether one call takes the ranges: glibc has it since 2.36, Linux takes this advice since 6.13.
_IN_ONE_CALL = hasattr(ctypes.CDLL(None), "process_madvise") and (
    tuple(map(int, os.uname().release.split(".")[:2])) >= (6, 13)
)

_FAULTS = f"""
import ctypes, json, mmap, os, resource, sys
from array import array
import datanectar.forkserver.prefault as module
from datanectar.forkserver.prefault import learn, prefault

def forbidden(pid):
    raise PermissionError

if sys.argv[1] == "a Python without pidfd_open":
    del os.pidfd_open
elif sys.argv[1] == "a sandbox":
    os.pidfd_open = forbidden

size = mmap.PAGESIZE
written = range(0, {PAGES} * 2, 2)
memory = mmap.mmap(-1, {PAGES} * 2 * size, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
for page in range({PAGES} * 2):
    memory[page * size] = 7

def write():
    for page in written:
        memory[page * size + 1] = 8

def in_fork(pages):
    reader, writer = os.pipe()
    if os.fork() == 0:
        if pages is not None:
            prefault(pages)
        before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
        same = all(memory[page * size : page * size + 2] == b"\\x07\\x00" for page in written)
        write()
        faults = resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before
        os.write(writer, json.dumps([faults, same]).encode())
        os._exit(0)
    os.wait()
    return json.loads(os.read(reader, 99))

pages = learn(write)
gone = pages[:500] + array("Q", [size, size]) + pages[500:]  # as nothing is mapped there
others = learn(lambda: None)
print(json.dumps([in_fork(each) for each in (None, pages, gone, others)] + [memory[1]]))
opened = len(os.listdir("/proc/self/fd"))
print(module._prefault_in_one_call(ctypes.CDLL(None), gone))
assert len(os.listdir("/proc/self/fd")) == opened
"""


@pytest.mark.parametrize("way", ["one call", "a Python without pidfd_open", "a sandbox"])
def test_what_is_copied_ahead_need_not_be_copied_when_it_is_written_to(way: str) -> None:
    done = subprocess.run([sys.executable, "-c", _FAULTS, way], capture_output=True, text=True)

    assert done.returncode == 0, done.stderr
    found, in_one_call = done.stdout.splitlines()
    plain, ahead, gone, other, first = json.loads(found)
    assert plain[0] >= PAGES
    assert ahead[0] < PAGES / 10
    assert gone[0] < PAGES / 10
    assert other[0] >= PAGES  # what the work doesn't write to is not copied
    assert plain[1] and ahead[1] and gone[1] and other[1]
    assert first == 0
    assert int(in_one_call) == (250 if way == "one call" and _IN_ONE_CALL else 0)


def test_nothing_is_learnt_where_nothing_can_be_copied_ahead() -> None:
    """As on a Linux before 5.14: an address that is nobody's is refused as the advice is there."""
    program = "from datanectar.forkserver import prefault; import ctypes; print(prefault._madvise(ctypes.CDLL(None), 4096, 4096))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)

    assert done.stdout == "False\n"


def test_work_that_fails_says_so() -> None:
    program = "from datanectar.forkserver.prefault import learn; learn(lambda: 1 / 0)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)

    assert "ZeroDivisionError" in done.stderr
    assert "RuntimeError: a rehearsal failed" in done.stderr


def own_memory(pid: int) -> int:
    """Return how many bytes of a process's memory it shares with none."""
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    return sum(int(line.split()[1]) * 1024 for line in lines if line.startswith("Private_Dirty"))


def test_a_child_that_is_forked_on_demand_copies_ahead_too(bench: Bench) -> None:
    children = ChildPool(bench.settings, ahead=0, role=ResolveJob)
    children.start()
    try:
        child = children.reserve()
        wait_for(lambda: own_memory(child.pid) > 4_000_000, "it has copied more than its own 2 MB")
        child.close()
    finally:
        children.close()


def test_children_are_made_ready_while_there_is_work_and_plain_when_there_is_none(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pool_module, "_IDLE_AFTER", 1.0)
    children = ChildPool(bench.settings, ahead=1, role=ResolveJob)
    children.start()
    try:
        wait_for(lambda: children._idle, "there is a child")
        plain = children._idle[0].pid
        size = own_memory(plain)
        children.reserve().close()
        wait_for(lambda: children._idle, "there is another child")
        ready = children._idle[0].pid
        assert ready != plain
        wait_for(lambda: own_memory(ready) > size + 1_000_000, "it has got ready")
        ready_size = own_memory(ready)
        wait_for(lambda: children._idle and children._idle[0].pid != ready, "it has been replaced")
        # Less than the ready one, rather than as much as the first: that one was looked at early.
        assert own_memory(children._idle[0].pid) < ready_size - 500_000
    finally:
        children.close()
