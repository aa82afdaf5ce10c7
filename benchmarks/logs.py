"""How fast a log is taken, and how soon a follower sees a line."""

from __future__ import annotations

import json
import re
import time
from pathlib import Path

import requests

from benchmarks.report import Figure, median
from benchmarks.stack import Caller, await_end, new_name, started
from tests.servers.stack import Stack

#: What the task prints, apart from what else its log may hold.
_TIME = re.compile(r"\d{10}\.\d+")


def measure(megabytes: int = 200, lines: int = 10) -> list[Figure]:
    """Run a loud task, then one that prints the time; the floor writes the same to a plain file."""
    with started() as stack:
        caller = Caller(stack)
        key = caller.post("LoudTask", name=new_name(), megabytes=megabytes)
        await_end(caller, key)
        rate = megabytes / float(stack.file(key).read_text())
        floor = megabytes / _write_plainly(stack.project / "plain", megabytes)
        delays = _delays(stack, caller.post("ClockTask", name=new_name(), lines=lines))
    return [
        Figure("logs", f"{megabytes} MB of log taken", rate, "MB/s", 1, "plain file", floor),
        Figure("logs", "line printed to line followed, median", median(delays) * 1000, "ms",
               len(delays)),
        Figure("logs", "line printed to line followed, worst", max(delays) * 1000, "ms",
               len(delays)),
    ]  # fmt: skip


def _write_plainly(file: Path, megabytes: int) -> float:
    block = (b"x" * 99 + b"\n") * 10_000
    began = time.perf_counter()
    with file.open("wb") as stream:
        for _ in range(megabytes):
            stream.write(block)
    return time.perf_counter() - began


def _delays(stack: Stack, key: str) -> list[float]:
    """Return for each line of the log how long after it was printed it came to us."""
    url = f"{stack.url}/api/chainlog?chain={key}/out.txt"
    delays: list[float] = []
    with requests.get(
        url, headers={"Accept": "text/event-stream"}, stream=True, timeout=60
    ) as response:
        for line in response.iter_lines(chunk_size=1, decode_unicode=True):
            now = time.time()
            if line.startswith("event: end"):
                return delays
            if line.startswith('data: "'):
                words = json.loads(line.removeprefix("data: ")).split()
                delays += [now - float(word) for word in words if _TIME.fullmatch(word)]
    return delays
