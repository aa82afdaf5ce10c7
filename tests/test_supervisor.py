"""``datanectar up`` brings back what dies, however often, and goes on itself."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

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


# --- the nursery ---------------------------------------------------------------------------

linux = pytest.mark.skipif(sys.platform != "linux", reason="there is a nursery on Linux alone")


def begin_up(stack: Stack) -> psutil.Process:
    """Start ``up``, wait until it serves, and return the nursery."""
    stack._begin("up", [sys.executable, "-m", "datanectar", "up"])
    wait_for(lambda: answers(f"{stack.url}/healthz"), "the web answers")
    nursery = find_nursery(stack)
    wait_for(lambda: len(nursery.children()) == 2, "web and worker have a zygote each")
    return nursery


def find_nursery(stack: Stack, but: int = 0) -> psutil.Process:
    def look() -> psutil.Process | None:
        for child in psutil.Process(stack.parts["up"].pid).children():
            with contextlib.suppress(psutil.Error):  # it may have been killed
                if "--nursery" in child.cmdline() and child.pid != but:
                    return child
        return None

    found = wait_for(look, "there is a nursery")
    assert isinstance(found, psutil.Process)
    return found


def greets(stack: Stack, name: str) -> bool:
    path = f"basic/plain_chain/GreetTask?name={name}"
    answer = stack.post(path, headers={"Prefer": "wait=60"})
    return bool(answer.json()["data"]["job_status"] == "DONE")


@linux
def test_zygotes_of_one_nursery_share_what_it_has_loaded(make_stack: Callable[..., Stack]) -> None:
    stack = make_stack()
    nursery = begin_up(stack)
    assert greets(stack, "shared")

    for guard in nursery.children():
        lines = Path(f"/proc/{guard.pid}/smaps_rollup").read_text().splitlines()
        own = next(int(line.split()[1]) for line in lines if line.startswith("Private_Dirty"))
        assert own < 8_000  # kB; one that has loaded all for itself has 25,000
        assert os.getsid(guard.pid) == guard.pid
    assert stack.stop("up", signal.SIGINT) == 0


@linux
def test_who_loses_its_zygote_gets_another_and_who_loses_its_nursery_too(
    make_stack: Callable[..., Stack],
) -> None:
    stack = make_stack()
    nursery = begin_up(stack)
    first = {guard.pid for guard in nursery.children()}

    nursery.kill()
    assert greets(stack, "orphans")  # whose zygotes go on
    second = find_nursery(stack, but=nursery.pid)
    assert second.children() == []

    for guard in first:
        for zygote in psutil.Process(guard).children():
            zygote.kill()
    wait_for(lambda: not any(map(psutil.pid_exists, first)), "the guards have cleared up")
    assert greets(stack, "adopted")
    assert len(second.children()) == 2

    assert stack.stop("up", signal.SIGINT) == 0
    wait_for(lambda: not second.is_running(), "the nursery has ended")


@linux
def test_a_killed_worker_takes_its_zygote_along_and_the_next_one_has_another(
    make_stack: Callable[..., Stack],
) -> None:
    stack = make_stack()
    nursery = begin_up(stack)
    before = {guard.pid for guard in nursery.children()}
    (worker,) = (
        child
        for child in psutil.Process(stack.parts["up"].pid).children()
        if child.cmdline()[-1:] == ["worker"]
    )

    worker.kill()

    wait_for(lambda: len({g.pid for g in nursery.children()} & before) == 1, "one zygote has ended")
    assert greets(stack, "again")
    assert len(nursery.children()) == 2
    assert stack.stop("up", signal.SIGINT) == 0


@linux
def test_children_of_a_nursery_see_no_secrets(make_stack: Callable[..., Stack]) -> None:
    stack = make_stack(DATANECTAR_TOKENS="very-secret-token-of-ours:admin")
    nursery = begin_up(stack)

    environ = Path(f"/proc/{nursery.pid}/environ").read_text()
    assert "DATANECTAR_PROJECT=" in environ
    assert "secret" not in environ
    assert "DATANECTAR_DATABASE_URL" not in environ
    assert stack.stop("up", signal.SIGINT) == 0


@linux
def test_a_preload_that_cant_be_imported_stops_up_and_is_named(
    make_stack: Callable[..., Stack],
) -> None:
    stack = make_stack(DATANECTAR_PRELOAD="json no_such_module_anywhere")
    stack._begin("up", [sys.executable, "-m", "datanectar", "up"])

    assert stack.parts["up"].wait(60) == 2
    assert "DATANECTAR_PRELOAD: no_such_module_anywhere can't be imported" in stack.output("up")
    assert "zygote did not start" in stack.output("up")
