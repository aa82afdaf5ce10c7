"""``datanectar up`` brings back what dies, however often, and goes on itself."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable

import psutil

from tests.servers.processes import Stack, answers, wait_for


def test_a_second_up_over_one_project_is_refused_in_a_line(
    make_stack: Callable[..., Stack],
) -> None:
    stack, other = make_stack("one"), make_stack("two")
    stack._begin("up", [sys.executable, "-m", "datanectar", "up"])
    wait_for(lambda: answers(f"{stack.url}/healthz"), "the web answers")
    other.environ["DATANECTAR_STATE"] = str(stack.settings.state)

    other._begin("up", [sys.executable, "-m", "datanectar", "up"])

    assert other.parts["up"].wait(60) == 2
    pid = stack.parts["up"].pid
    assert other.output("up").startswith(f"datanectar: This project is up already (process {pid})")
    assert stack.stop("up", signal.SIGINT) == 0


def test_a_worker_that_dies_again_and_again_is_started_again_and_again(
    make_stack: Callable[..., Stack],
) -> None:
    stack = make_stack(DATANECTAR_GRACE="0")
    stack._begin("up", [sys.executable, "-m", "datanectar", "up"])
    supervisor = psutil.Process(stack.parts["up"].pid)

    def worker(but: set[int]) -> psutil.Process | None:
        for child in supervisor.children():
            try:
                if child.cmdline()[-1:] == ["worker"] and child.pid not in but:
                    return child
            except psutil.Error:
                continue
        return None

    killed: set[int] = set()
    for _ in range(4):
        found = wait_for(lambda: worker(killed), "there is a worker")
        killed.add(found.pid)  # type: ignore[attr-defined]
        os.kill(found.pid, signal.SIGKILL)  # type: ignore[attr-defined]

    wait_for(lambda: answers(f"{stack.url}/healthz"), "the web answers")
    answer = stack.post("basic/plain_chain/GreetTask?name=again", headers={"Prefer": "wait=60"})
    assert answer.json()["data"]["job_status"] == "DONE"
    assert stack.parts["up"].poll() is None
    assert stack.output("up").count("worker ended") == 4
    assert stack.stop("up", signal.SIGINT) == 0
    assert not answers(stack.url)
