"""``datanectar status``: of the app, of a run and of a key."""

from __future__ import annotations

import json

from tests.cli.command_line import command
from tests.servers.stack import Stack

FLAKY = "http/jobs_chain/FlakyTask"


def test_the_app_says_which_parts_it_has_and_which_are_away(stack: Stack, web: Stack) -> None:
    done = command(stack, "status")

    assert done.returncode == 0, done.stderr
    parts = dict(line.split("\t") for line in done.stdout.splitlines())
    assert parts["app"] == stack.url
    assert (parts["luigid"], parts["workers"], parts["active runs"]) == ("ok", "1", "0")
    away = command(web, "status")
    parts = dict(line.split("\t") for line in away.stdout.splitlines())
    assert away.returncode == 1
    assert (parts["luigid"], parts["workers"]) == ("no luigid answers at its address", "0")


def test_runs_that_have_not_ended_are_listed(web: Stack) -> None:
    accepted = web.client.post("basic/plain_chain/GreetTask", name="waits")

    told = json.loads(command(web, "status", "--json").stdout)

    assert accepted["run_id"] in [run["id"] for run in told["active"]]
    waiting = command(web, "status", accepted["run_id"])
    assert (waiting.returncode, waiting.stdout) == (0, "PENDING\n")


def test_the_status_of_a_run_and_of_a_key_is_one_word(stack: Stack) -> None:
    stack.run("basic/plain_chain/GreetTask", name="status")
    failed = stack.run(FLAKY, name="status", cure="/no/cure")

    (greeted,) = stack.client.runs(param="name=status", task="GreetTask")["runs"]
    for name in (greeted["id"], greeted["key"]):
        done = command(stack, "status", name)
        assert (done.returncode, done.stdout) == (0, "DONE\n")
    for name in (failed["run_id"], failed["key"]):
        done = command(stack, "status", str(name))
        assert (done.returncode, done.stdout) == (1, "FAILED\n")
        assert done.stderr == "ValueError: status is sick\n"
    unknown = command(stack, "status", "nonsense")
    assert (unknown.returncode, unknown.stdout) == (2, "")
