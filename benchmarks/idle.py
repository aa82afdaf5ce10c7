"""What everything costs that is started and idle; the floor is luigid alone."""

from __future__ import annotations

import os
import time
from pathlib import Path

from benchmarks.report import Figure
from benchmarks.stack import Caller, await_end, new_name, project
from tests.servers.processes import descendants

_TICK = os.sysconf("SC_CLK_TCK")
_TITLE = "datanectar: "


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
    by_role: dict[str, list[float]] = {}
    for pid, size in sizes.items():
        by_role.setdefault(_role(pid), []).append(size)
    return figures + [
        Figure("idle", f"PSS: {role} ({len(found)})", sum(found), "MB")
        for role, found in by_role.items()
    ]


def _role(pid: int) -> str:
    """Name a process by its title, or by its command line where it has none."""
    title = _command(pid).partition("\0")[0]
    if title.startswith(_TITLE):
        return title.removeprefix(_TITLE)
    return "luigid" if "luigid" in _command(pid) else _command(pid).replace("\0", " ")[:40]


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
