"""A backfill of 90 days, from outside: killed half way with all that belongs to it, and gone on with."""

from __future__ import annotations

import os
import signal
from collections import Counter
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import pytest

from tests.servers.processes import wait_for
from tests.servers.stack import Stack

pytestmark = pytest.mark.slow

CHAIN = """import os

import luigi

from datanectar import NectarTask

BAD = ("2026-01-13", "2026-02-13", "2026-03-13")


class ReportTask(NectarTask):
    day = luigi.DateParameter()

    def run(self):
        if str(self.day) in BAD and not os.path.exists({mended!r}):
            raise ValueError(f"no rows on {{self.day}}")
        with self.output().open("w") as out:
            out.write(str(self.day))
        with open({done!r}, "a") as book:
            book.write(f"{{self.day}}\\\\n")
"""
PLACE = "etl/orders_chain/ReportTask"
BAD = ["2026-01-13", "2026-02-13", "2026-03-13"]


def prepare(stack: Stack) -> tuple[Path, Path]:
    """Write the chain; return the file with a line for each day that is made, and the cure."""
    done, mended = stack.project / "done.txt", stack.project / "mended"
    stack.chain("etl/orders_chain", CHAIN.format(done=str(done), mended=str(mended)))
    return done, mended


def ended_items(stack: Stack, backfill_id: str) -> int:
    counts = stack.client.backfills.get(backfill_id, items="none")["counts"]
    return int(counts["made"] + counts["failed"])


def kill_all(stack: Stack) -> None:
    """SIGKILL a stack's ``up`` and all that it has started."""
    for pid in stack.pids():
        os.kill(pid, signal.SIGKILL)
    stack.processes["up"].wait()


def test_ninety_days_killed_half_way_are_each_run_once(make_stack: Callable[..., Stack]) -> None:
    stack = make_stack(DATANECTAR_WORKERS="4")
    done, mended = prepare(stack)
    stack.start_up()
    over = {"day": "2026-01-01..2026-03-31"}
    backfill = stack.client.backfills.start(PLACE, over, at_once=4)
    assert (backfill["total"], backfill["counts"]["waiting"]) == (90, 90)

    wait_for(lambda: ended_items(stack, backfill["id"]) >= 40, "half of it is done", 120)
    kill_all(stack)
    stack.start_up()
    ended = stack.client.backfills.wait(backfill["id"])

    assert ended["status"] == "FAILED"
    assert ended["counts"] == {
        "there_before": 0, "made": 87, "failed": 3, "cancelled": 0, "running": 0, "waiting": 0,
    }  # fmt: skip
    assert [item["parameters"]["day"] for item in ended["items"]] == BAD
    assert all("no rows on" in item["error"] for item in ended["items"])
    runs = list(stack.client.iter_runs(backfill=backfill["id"]))
    assert set(Counter(run["parameters"]["day"] for run in runs).values()) == {1}
    assert len(runs) == 90
    assert max(Counter(done.read_text().split()).values()) == 1

    mended.touch()
    stack.client.backfills.retry(backfill["id"])
    assert stack.client.backfills.wait(backfill["id"])["status"] == "DONE"

    assert len(list(stack.client.iter_runs(backfill=backfill["id"]))) == 93
    assert max(Counter(done.read_text().split()).values()) == 1
    assert len(list(stack.project.glob(f"local_targets/chains/{PLACE}/*/out.txt"))) == 90


def test_a_worker_that_dies_is_followed_by_another_that_keeps_to_at_once(
    make_stack: Callable[..., Stack],
) -> None:
    stack = make_stack()
    prepare(stack)
    stack.start_luigid()
    stack.start_web()
    stack.start_worker("one")
    stack.start_worker("two")
    over = {"day": "2026-01-01..2026-01-31"}
    backfill = stack.client.backfills.start(PLACE, over, at_once=1)

    wait_for(lambda: ended_items(stack, backfill["id"]) >= 5, "some are done", 60)
    stack.kill("one")
    ended = stack.client.backfills.wait(backfill["id"])

    assert (ended["counts"]["made"], ended["counts"]["failed"]) == (30, 1)
    runs = stack.client.runs(backfill=backfill["id"], limit=100)["runs"]
    assert len(runs) == 31
    spans = sorted((run["started"], run["finished"]) for run in runs if run["attempts"] == 1)
    assert all(before[1] <= after[0] for before, after in pairwise(spans))
