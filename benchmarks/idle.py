"""What everything costs that is started and has nothing to do; the floor is luigid alone."""

from __future__ import annotations

import os
import time
from pathlib import Path

from benchmarks.report import Figure
from benchmarks.stack import Caller, await_end, new_name, project
from tests.servers.processes import descendants

_TICK = os.sysconf("SC_CLK_TCK")


def measure(seconds: int = 20, settle: int = 15) -> list[Figure]:
    """Start ``datanectar up``, have it run one task, and look at it for so many seconds.

    Args:
        seconds: how long to look.
        settle: seconds after the run until the processes have settled; waiting children are by
            then replaced by such that share their memory.
    """
    with project() as stack:
        stack.start_up()
        caller = Caller(stack)
        await_end(caller, caller.post("TrivialTask", name=new_name()))
        time.sleep(settle)
        up = stack.processes["up"].pid
        return _look([up, *descendants(up)], seconds)


def _look(pids: list[int], seconds: int) -> list[Figure]:
    before, began = sum(map(_cpu_seconds, pids)), time.monotonic()
    time.sleep(seconds)
    share = (sum(map(_cpu_seconds, pids)) - before) / (time.monotonic() - began)
    sizes = {pid: _pss_megabytes(pid) for pid in pids}
    luigid = next(size for pid, size in sizes.items() if "luigid" in _command(pid))
    figures = [
        Figure("idle", f"PSS of all {len(pids)} processes", sum(sizes.values()), "MB", 1,
               "luigid", luigid),
        Figure("idle", "CPU of all, share of a core", share * 100, "%"),
    ]  # fmt: skip
    parts: dict[str, list[float]] = {}
    for pid, size in sizes.items():
        parts.setdefault(_role(pid), []).append(size)
    return figures + [
        Figure("idle", f"PSS: {role} ({len(found)})", sum(found), "MB")
        for role, found in parts.items()
    ]


def _role(pid: int) -> str:
    """Name a process by what its command line says."""
    words = _command(pid)
    if "datanectar.forkserver.server" in words:
        return "fork server, its guard and idle children"
    if "luigid" in words:
        return "luigid"
    return words.split("\0")[-2] if "datanectar\0" in words else words.replace("\0", " ")[:40]


def _command(pid: int) -> str:
    return Path(f"/proc/{pid}/cmdline").read_text()


def _cpu_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return sum(map(int, fields[11:15])) / _TICK  # its own and its dead children's, proc(5)


def _pss_megabytes(pid: int) -> float:
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1]) / 1024
    return 0.0
