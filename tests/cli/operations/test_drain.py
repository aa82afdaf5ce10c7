"""``datanectar worker --drain``: workers finish what they run and end; nothing else is lost."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
from sqlalchemy import update

from datanectar.runs.tables import workers
from tests.cli.command_line import command
from tests.servers.processes import PATIENCE, wait_for
from tests.servers.stack import Stack, copy_catalogue

TASK = "pages/gated_chain/WatchedTask"


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    stack = Stack(tmp_path_factory.mktemp("drain"), environ={"DATANECTAR_NODE": "east"})
    copy_catalogue(stack.project)
    try:
        stack.start_luigid()
        stack.start_web()
        yield stack
    finally:
        stack.close()


@pytest.fixture
def draining(stack: Stack, tmp_path: Path) -> Iterator[SimpleNamespace]:
    """A worker that is told to drain while it has a run, and another run that waits since."""
    stack.start_worker()
    gate = tmp_path / "gate"
    held = stack.client.post(TASK, name=tmp_path.name, gate=str(gate))
    wait_for(lambda: status(stack, held) == "RUNNING", "the run goes on")
    spawned = [sys.executable, "-m", "datanectar", "worker", "--drain", "east"]
    stack.spawn("drain", spawned, {"DATANECTAR_NODE": "another"})
    wait_for(lambda: "takes no more runs" in stack.output("worker"), "the worker drains")
    waits = stack.client.post("basic/plain_chain/GreetTask", name=tmp_path.name)
    yield SimpleNamespace(gate=gate, held=held, waits=waits)
    gate.touch()
    stack.start_worker("next")
    assert stack.ended(str(waits["key"]))["job_status"] == "DONE"
    assert stack.ended(str(held["key"]))["job_status"] == "DONE"
    stack.stop("next")


def status(stack: Stack, run: dict[str, object]) -> object:
    return stack.status(str(run["key"]))["job_status"]


def test_a_worker_that_drains_ends_its_runs_and_takes_no_other(
    stack: Stack, draining: SimpleNamespace
) -> None:
    # Longer than the grace, and than the heartbeats of a worker that has ended would count.
    with pytest.raises(subprocess.TimeoutExpired):
        stack.processes["worker"].wait(stack.settings.grace + 2)
    (worker,) = stack.store.living_workers(5)
    assert worker.draining
    assert status(stack, draining.waits) == "PENDING"
    assert stack.processes["drain"].poll() is None

    draining.gate.touch()

    assert stack.processes["worker"].wait(PATIENCE) == 0
    assert stack.processes["drain"].wait(PATIENCE) == 0
    said = stack.output("drain").splitlines()[-2:]
    assert said == [f"{worker.id} takes no more runs; 1 to end.", f"{worker.id} has ended."]
    ended = stack.status(str(draining.held["key"]))
    assert (ended["job_status"], ended["attempts"]) == ("DONE", 1)
    assert status(stack, draining.waits) == "PENDING"


def test_a_signal_ends_a_drain_within_the_grace(stack: Stack, draining: SimpleNamespace) -> None:
    assert stack.stop("worker") == 0
    assert status(stack, draining.held) == "PENDING"
    assert stack.processes["drain"].wait(PATIENCE) == 0


def test_what_can_not_be_drained_is_named(stack: Stack) -> None:
    stack.store.beat_worker("west-1-ab", "west/boot/ns", 1, 1.0, 1)
    with stack.store.database.write() as connection:
        connection.execute(update(workers).values(version=None))

    unknown = command(stack, "worker", "--drain", "wset")
    too_old = command(stack, "worker", "--drain", "west")
    without = command(stack, "worker", "west")

    assert (unknown.returncode, too_old.returncode, without.returncode) == (2, 2, 2)
    assert "No worker works on 'wset'. Hosts with workers: west." in unknown.stderr
    assert "west-1-ab is of a version of datanectar that can't drain" in too_old.stderr
    assert "names go with --drain" in without.stderr
    stack.store.forget_worker("west-1-ab")


def test_a_drained_worker_of_up_is_not_started_again(make_stack: Callable[..., Stack]) -> None:
    stack = make_stack().start_up()

    drained = command(stack, "worker", "--drain")

    assert drained.returncode == 0, drained.stderr
    wait_for(lambda: "worker has ended as told" in stack.output("up"), "up says so")
    assert stack.get("/healthz").status_code == 200
    assert stack.get("/readyz").json()["data"]["workers"] == 0
