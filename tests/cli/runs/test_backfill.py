"""``datanectar backfill`` and ``backfills`` on a running app, as real processes."""

from __future__ import annotations

import json
import signal
import subprocess
import sys

import pytest

from tests.cli.command_line import command
from tests.servers.processes import wait_for
from tests.servers.stack import Stack

CHAIN = """import luigi

from datanectar import NectarTask


class HourTask(NectarTask):
    hour = luigi.DateHourParameter()
    country = luigi.ChoiceParameter(choices=["de", "fr"], default="de")
    name = luigi.Parameter(default="")

    def run(self):
        if self.name == "fails" and self.hour.hour == 1:
            raise ValueError("no rows")
        with self.output().open("w") as out:
            out.write(str(self.hour))
"""
PLACE = "hours/hours_chain/HourTask"


@pytest.fixture(scope="module", autouse=True)
def chain(stack: Stack) -> None:
    stack.chain("hours/hours_chain", CHAIN)


def test_a_backfill_is_followed_to_its_end(stack: Stack) -> None:
    hours = "2026-01-01T22..2026-01-02T01"
    done = command(stack, "backfill", PLACE, "--hour", hours, "--country=de,fr", "--at-once", "4")

    assert done.returncode == 0, done.stderr
    assert "8 in all: 8 waiting" in done.stderr
    assert f"DONE {PLACE}: 8 in all: 8 made" in done.stderr
    assert "8/8" in done.stderr

    again = command(stack, "backfill", PLACE, f"hour={hours}", "country=de", "--json")
    assert (again.returncode, json.loads(again.stdout)["counts"]["there_before"]) == (0, 4)


def test_a_dry_run_lists_what_is_missing(stack: Stack) -> None:
    stack.run(PLACE, hour="2025-01-01T00")

    seen = command(stack, "backfill", PLACE, "--hour", "2025-01-01T00..2025-01-01T02", "--dry-run")

    assert seen.returncode == 0
    assert seen.stderr == "2 of 3 are missing.\n"
    rows = [line.split("\t") for line in seen.stdout.splitlines()]
    assert [row[0] for row in rows] == ["hour=2025-01-01T01", "hour=2025-01-01T02"]
    assert stack.client.runs(type="hours", param="hour=2025-01-01T01")["runs"] == []


def test_what_failed_is_named_and_tried_again(stack: Stack) -> None:
    hours = ("--hour", "2024-01-01T00..2024-01-01T02")
    failed = command(stack, "backfill", PLACE, *hours, "--name", "fails")

    assert failed.returncode == 1
    assert failed.stdout == "FAILED hour=2024-01-01T01: ValueError: no rows\n"
    assert "2 made, 1 failed" in failed.stderr
    backfill_id = failed.stderr.split()[1].rstrip(":")
    again = command(stack, "backfills", backfill_id, "--retry", "--follow")
    assert again.returncode == 1
    runs = command(stack, "runs", "--backfill", backfill_id, "--json")
    assert [run["job_status"] for run in json.loads(runs.stdout)].count("FAILED") == 2

    listed = command(stack, "backfills")
    assert f"{backfill_id}\tFAILED" in listed.stdout
    shown = command(stack, "backfills", backfill_id)
    assert shown.stdout == "FAILED hour=2024-01-01T01: ValueError: no rows\n"


def test_one_goes_on_without_the_command_and_is_cancelled(stack: Stack) -> None:
    arguments = ["backfill", PLACE, "--hour", "2000-01-01T00..2000-01-31T23", "--at-once", "1"]
    following = subprocess.Popen(
        [sys.executable, "-m", "datanectar", *arguments],
        env={**stack.environment, "DATANECTAR_URL": stack.url},
        cwd=stack.project,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert following.stderr is not None
    backfill_id = following.stderr.readline().split()[1].rstrip(":")
    wait_for(lambda: stack.client.backfills.get(backfill_id)["counts"]["made"], "one is made")
    following.send_signal(signal.SIGINT)
    _, words = following.communicate(timeout=30)
    assert following.returncode == 130
    assert f"datanectar backfills {backfill_id} --cancel" in words

    cancelled = command(stack, "backfills", backfill_id, "--cancel", "--follow")

    assert cancelled.returncode == 1
    assert "CANCELLED" in cancelled.stderr


def test_without_several_values_it_says_what_to_give(stack: Stack) -> None:
    refused = command(stack, "backfill", PLACE, "--hour", "2026-01-01T00")
    assert refused.returncode == 2
    assert "--day 2026-01-01..2026-03-31" in refused.stderr
    refused = command(stack, "backfill", PLACE, "--hour", "2026-01-01T00..never")
    assert refused.returncode == 2
    assert "an hour such as" in refused.stderr
    assert command(stack, "backfills", "--cancel").returncode == 2
    assert command(stack, "backfills", "nothing").returncode == 2
