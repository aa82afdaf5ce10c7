"""What the children of the tests' fork servers run: it echoes its jobs, and does what they say."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

ballast = bytearray(8_000_000)


def main(jobs: int, reports: int, get_ready: Callable[[str], None]) -> int:
    """Do each job: ``{"do": ..., ...}``; the report is its result."""
    with open(jobs, "rb") as lines:
        for line in lines:
            job = json.loads(line)
            result = _DO[job["do"]](job, get_ready)
            os.write(reports, json.dumps(result).encode() + b"\n")
    return 3


def _leave(job: dict[str, Any], get_ready: Callable[[str], None]) -> list[int]:
    """Start a process in the child's group and one in a session of its own."""
    command = [sys.executable, "-c", "import time; time.sleep(600)"]
    return [
        subprocess.Popen(command, start_new_session=apart, stdout=subprocess.DEVNULL).pid
        for apart in (False, True)
    ]


def _write(job: dict[str, Any], get_ready: Callable[[str], None]) -> int:
    """Return how many pages the system had to copy while a large part of memory is written to."""
    import resource

    get_ready(job.get("role", ""))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    write()
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before


def write() -> None:
    """Write to each page of the ballast."""
    for place in range(0, len(ballast), 4096):
        ballast[place] = 1


_DO: dict[str, Callable[[dict[str, Any], Callable[[str], None]], Any]] = {
    "echo": lambda job, get_ready: job,
    "pid": lambda job, get_ready: os.getpid(),
    "die": lambda job, get_ready: os.kill(os.getpid(), signal.SIGKILL),
    "title": lambda job, get_ready: Path("/proc/self/cmdline").read_text().rstrip("\0"),
    "modules": lambda job, get_ready: sorted(sys.modules),
    "leave": _leave,
    "write": _write,
}
