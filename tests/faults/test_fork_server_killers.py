"""A chain that kills what children are forked from ends FAILED, and takes no other run with it."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.servers.bench import lines_of
from tests.servers.processes import is_running, wait_for
from tests.servers.stack import Stack

KILLS = "bad/fork_server_chain/KillForkServerTask"
INNOCENT = "bad/fork_server_chain/InnocentTask"

pytestmark = pytest.mark.skipif(
    sys.platform != "linux", reason="fork servers are shared on Linux alone"
)


def pids(file: Path) -> list[int]:
    return [int(line) for line in lines_of(file)]


@pytest.mark.parametrize("watchdog", [False, True])
def test_a_chain_that_kills_the_fork_server_costs_a_run_beside_it_no_attempt(
    make_stack: Callable[..., Stack], tmp_path: Path, watchdog: bool
) -> None:
    """Fault 4.9: the run beside it was FAILED, and what the chain had left went on."""
    stack = make_stack(DATANECTAR_MAX_ATTEMPTS="2").start_up()
    gate, left, beside = tmp_path / "gate", tmp_path / "left", tmp_path / "beside"
    killer = stack.client.post(
        KILLS, name="k", gate=str(gate), evidence=str(left), watchdog=watchdog
    )
    innocent = stack.client.post(INNOCENT, name="i", evidence=str(beside), seconds=2)
    wait_for(lambda: pids(left) and pids(beside), "both have begun")

    gate.touch()

    ended = stack.ended(str(innocent["key"]))
    assert ended["job_status"] == "DONE", ended
    assert len(pids(beside)) == 2, "it was lost once, and then ran apart from what had killed it"
    failed = stack.ended(str(killer["key"]))
    assert failed["job_status"] == "FAILED"
    assert "lost with the process that started it" in str(failed["error"])
    assert len(pids(left)) <= 4
    wait_for(lambda: not [p for p in pids(left) if is_running(p)], "what it left is gone", 15)
    assert stack.run(INNOCENT, name="after", evidence=str(beside))["job_status"] == "DONE"
    assert stack.processes["up"].poll() is None
