"""Children end on time, also when who should end them hangs."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from datanectar.child_pool import ChildPool
from datanectar.forkserver.handle import Handle
from datanectar.settings import load


@pytest.fixture
def children(tmp_path: Path) -> Iterator[ChildPool]:
    (tmp_path / "code" / "chains").mkdir(parents=True)
    children = ChildPool(load({"DATANECTAR_PROJECT": str(tmp_path)}), ahead=1)
    children.start()
    yield children
    children.close()


def fork_server_of(child: Handle) -> psutil.Process:
    parent = psutil.Process(child.pid).parent()
    assert parent is not None
    return parent


def test_children_live_until_the_moment_said_and_no_longer(children: ChildPool) -> None:
    child = children.reserve()
    began = time.monotonic()
    children.live_until(began + 0.5)
    children.live_until(began + 1.5)

    assert child.wait_end(5) == "killed by SIGKILL"
    assert 1.4 < time.monotonic() - began < 3
    later = children.reserve()
    assert not later.has_ended
    later.close()
    child.close()


def test_without_a_word_children_live_on(children: ChildPool) -> None:
    child = children.reserve()
    time.sleep(1)

    assert psutil.pid_exists(child.pid)
    assert child.is_listening
    child.close()


def test_a_child_is_over_when_its_end_is_told_though_the_fork_server_hangs(
    children: ChildPool,
) -> None:
    child = children.reserve()
    fork_server = fork_server_of(child)
    fork_server.suspend()
    try:
        child.kill()
        child.wait_end(0.2)

        assert psutil.Process(child.pid).status() == psutil.STATUS_ZOMBIE
    finally:
        fork_server.resume()
    child.close()


def test_children_of_a_killed_fork_server_are_over_when_their_end_is_told(
    children: ChildPool,
) -> None:
    child = children.reserve()
    fork_server = fork_server_of(child)
    os.kill(fork_server.pid, signal.SIGKILL)

    assert child.wait_end(10) == "lost with the process that started it"
    assert not psutil.pid_exists(child.pid)
    child.close()
