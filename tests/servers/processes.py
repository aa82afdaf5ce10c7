"""Processes for tests: free ports, waiting for a condition, process trees, servers for a while."""

from __future__ import annotations

import asyncio
import os
import socket
import subprocess
import time
from collections.abc import Callable, Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
import requests

#: Seconds that a process may take to come up, or a condition to come true, on a busy machine.
PATIENCE = 60.0


def free_port() -> int:
    """Return a port that nothing listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_for(condition: Callable[[], object], what: str, seconds: float = PATIENCE) -> object:
    """Return the condition's first true value; fail the test when there is none in time.

    It looks every 20 ms at first, and less often the longer it takes, for looking costs as well.
    """
    began = time.monotonic()
    while True:
        value = condition()
        if value:
            return value
        waited = time.monotonic() - began
        if waited > seconds:
            raise AssertionError(f"not within {seconds:g} s: {what}")
        time.sleep(min(0.02 + waited / 20, 0.2))


def descendants(pid: int) -> list[int]:
    """Return the pids of all processes below ``pid``, itself excluded."""
    try:
        return [process.pid for process in psutil.Process(pid).children(recursive=True)]
    except psutil.NoSuchProcess:
        return []


def run_async(coroutine: Coroutine[Any, Any, Any]) -> Any:
    """Return what a coroutine returns within two minutes, in a thread: this one may have Playwright's loop."""
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(asyncio.run, asyncio.wait_for(coroutine, 120)).result()


def is_running(pid: int) -> bool:
    """Tell whether a process is there and no zombie."""
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def responds(url: str) -> bool:
    """Tell whether an HTTP server responds at ``url`` without a server error."""
    try:
        return requests.head(url, timeout=2).status_code < 500
    except requests.RequestException:
        return False


@contextmanager
def running(
    command: list[str], log: Path, is_up: Callable[[], object], **environ: str
) -> Iterator[None]:
    """Run a server for the length of a ``with`` block.

    Args:
        command: the program and its arguments.
        log: the file for what the server prints.
        is_up: called until its result is true.
        **environ: further environment variables.

    Raises:
        AssertionError: when the server ends, or is not up within ``PATIENCE``; with its output.
    """
    with log.open("wb") as output:
        process = subprocess.Popen(
            command,
            env={**os.environ, **environ},
            stdout=output,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
        )
    try:
        wait_for(lambda: process.poll() is not None or is_up(), f"{command} is up")
        assert process.poll() is None, f"{command} ended:\n{log.read_text()[-2000:]}"
        yield
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
