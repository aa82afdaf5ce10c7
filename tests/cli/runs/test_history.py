"""``runs``, ``show``, ``logs``, ``graph``, ``rerun``, ``cancel`` and ``drop``, on a running app."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path
from xml.etree import ElementTree

import pytest
import requests

from datanectar.cli.runs.graph import _dot, _tree
from tests.cli.command_line import command
from tests.servers.processes import wait_for
from tests.servers.stack import Stack

pytestmark = pytest.mark.slow

CHAIN = """
import luigi
from datanectar import NectarTask


class ReadTask(NectarTask):
    name = luigi.Parameter()
    def run(self):
        print("reading", self.name)
        with self.output().open("w") as out:
            out.write("x")


class SumTask(NectarTask):
    name = luigi.Parameter()
    def requires(self):
        return ReadTask(name=self.name)
    def run(self):
        print("summing", self.name)
        if self.name.startswith("bad"):
            raise ValueError("no sum")
        with self.output().open("w") as out:
            out.write("1")


class DailyTask(NectarTask):
    schedule = "30 5 * * * Europe/Berlin"
    def run(self):
        with self.output().open("w") as out:
            out.write("today")
"""
HISTORY = "history/sums_chain"


def ended_run(stack: Stack, name: str) -> str:
    """Have a run of ``SumTask`` end; return its id."""
    stack.chain(HISTORY, CHAIN)
    return str(stack.run(f"{HISTORY}/SumTask", name=name)["run_id"])


def test_runs_lists_the_newest_first_and_filters(stack: Stack) -> None:
    first, second = ended_run(stack, "one"), ended_run(stack, "bad one")

    done = command(stack, "runs", "--chain", "sums_chain", "--limit", "2")

    assert done.returncode == 0, done.stderr
    rows = [line.split("\t") for line in done.stdout.splitlines()]
    assert [(row[0], row[1], row[3], row[4]) for row in rows] == [
        (second, "FAILED", f"{HISTORY}/SumTask", "name=bad one"),
        (first, "DONE", f"{HISTORY}/SumTask", "name=one"),
    ]
    for options in (["--status", "FAILED"], ["--param", "name=bad one"]):
        found = command(stack, "runs", "--chain", "sums_chain", *options, "--json")
        assert [run["id"] for run in json.loads(found.stdout)] == [second]
    for options, words in (
        (["--since", "yesterday"], "since: an ISO 8601 time"),
        (["--status", "ILL"], "'ILL' is not one of 'PENDING', 'RUNNING'"),
    ):
        refused = command(stack, "runs", *options)
        assert refused.returncode == 2
        assert words in refused.stderr


def test_runs_reads_on_over_pages(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    from click.testing import CliRunner

    from datanectar.cli.runs import history

    expected = [ended_run(stack, f"paged {number}") for number in range(3)][::-1]
    monkeypatch.setattr(history, "_PAGE", 2)

    found = CliRunner().invoke(history.runs, ["--url", stack.url, "--limit", "3", "--json"])

    assert [run["id"] for run in json.loads(found.output)] == expected


def test_show_says_why_a_run_failed_and_where_to_read_on(stack: Stack) -> None:
    run = ended_run(stack, "bad show")

    done = command(stack, "show", run)

    assert done.returncode == 0, done.stderr
    shown = dict(re.findall(r"^([a-z ]+): +(.*)$", done.stdout, re.MULTILINE))
    assert shown["run"] == run
    assert shown["status"] == "FAILED"
    assert shown["parameters"] == "name=bad show"
    assert shown["error"] == "ValueError: no sum"
    assert "no sum" in requests.get(shown["log"], timeout=10).text
    assert f"    {'ValueError: no sum'}" in done.stdout.splitlines()
    assert re.search(r"^DONE\tReadTask\t.*\t[\d.]+ MB\t[\d.]+ s$", done.stdout, re.M)
    assert f"read on:     datanectar logs {run}\n" in done.stdout
    record = json.loads(command(stack, "show", run, "--json").stdout)
    assert record["id"] == run
    (read,) = (node["id"] for node in record["graph"]["nodes"] if node["status"] == "DONE")
    page = requests.get(shown["page"], params={"task": read}, timeout=10).text
    assert len(re.findall(r"[\d.]+ MB of memory, [\d.]+ s of CPU", page)) == 2
    unknown = command(stack, "show", "nonsense")
    assert (unknown.returncode, unknown.stdout) == (2, "")
    assert "There is no run 'nonsense'" in unknown.stderr


def test_logs_are_of_the_run_that_is_asked_for(stack: Stack) -> None:
    run = ended_run(stack, "logged")

    done = command(stack, "logs", run)

    assert done.returncode == 0, done.stderr
    assert "summing logged\n" in done.stdout
    assert "reading logged\n" in command(stack, "logs", run, "--task", "ReadTask").stdout
    assert "summing logged\n" in command(stack, "logs", run, "-f").stdout
    key = stack.get(f"/api/runs/{run}").json()["data"]["key"]
    assert "summing logged\n" in command(stack, "logs", key).stdout
    told = json.loads(command(stack, "logs", run, "--json").stdout)
    assert told["key"] == key
    assert "summing logged\n" in told["log"]
    refused = command(stack, "logs", run, "--task", "NoTask")
    assert refused.returncode == 2
    assert "its tasks: ReadTask, SumTask" in refused.stderr


def test_graph_is_a_tree_or_dot(stack: Stack, tmp_path: Path) -> None:
    run = ended_run(stack, "drawn")

    tree = command(stack, "graph", run).stdout.splitlines()

    assert tree == ["DONE SumTask name=drawn", "└─ DONE ReadTask name=drawn"]
    by_key = command(stack, "graph", stack.client.run_record(run)["key"]).stdout.splitlines()
    assert by_key == tree
    dot = command(stack, "graph", run, "--dot").stdout
    assert len(re.findall(r" -> ", dot)) == 1
    assert 'label="SumTask\\nDONE"' in dot
    if shutil.which("dot"):
        drawn = subprocess.run(["dot", "-Tsvg"], input=dot, capture_output=True, text=True)
        assert "SumTask" in drawn.stdout
    assert len(json.loads(command(stack, "graph", run, "--json").stdout)["nodes"]) == 2
    picture = ElementTree.fromstring(command(stack, "graph", run, "--svg").stdout)
    texts = [element.text or "" for element in picture.iter("{http://www.w3.org/2000/svg}text")]
    assert [text for text in texts if text.endswith("Task")] == ["ReadTask", "SumTask"]


def test_a_tree_shows_what_two_tasks_require_once_in_full() -> None:
    names = ("top", "left", "right", "shared", "deep")
    edges = [
        ("left", "top"),
        ("right", "top"),
        ("shared", "left"),
        ("shared", "right"),
        ("deep", "shared"),
    ]
    tasks = {
        "nodes": [
            {"id": name, "family": f"x.{name}", "parameters": {}, "status": "DONE"}
            for name in names
        ],
        "edges": [{"from": one, "to": other} for one, other in edges],
    }

    assert [f"{lead}{status} {words}" for lead, status, words in _tree(tasks)] == [
        "DONE top",
        "├─ DONE left",
        "│  └─ DONE shared",
        "│     └─ DONE deep",
        "└─ DONE right",
        "   └─ DONE shared (see above)",
    ]


def test_dot_takes_any_name() -> None:
    nodes = [{"id": 'a"b\\', "family": "x.T", "status": "ODD"}]

    lines = list(_dot({"nodes": nodes, "edges": []}))

    assert '  "a\\"b\\" [label="T\\nODD", fillcolor=white];' in lines


# --- doing it again -------------------------------------------------------------------------------


def test_rerun_of_a_failure_goes_on_where_it_failed(stack: Stack, tmp_path: Path) -> None:
    run = ended_run(stack, "bad again")
    stack.chain(HISTORY, CHAIN.replace('raise ValueError("no sum")', "pass"))

    done = command(stack, "rerun", run)

    assert done.returncode == 0, done.stderr
    assert requests.get(done.stdout.strip(), timeout=10).text == "1"
    newest = json.loads(command(stack, "runs", "--param", "name=bad again", "--json").stdout)
    assert [one["job_status"] for one in newest] == ["DONE", "FAILED"]
    tasks = json.loads(command(stack, "graph", newest[0]["id"], "--json").stdout)["nodes"]
    started = {task["family"].rpartition(".")[2]: task["started"] for task in tasks}
    assert started["ReadTask"] is None


@pytest.mark.parametrize(
    ("options", "made_again"),
    [([], set()), (["--force"], {"SumTask"}), (["--upstream"], {"SumTask", "ReadTask"})],
)
def test_rerun_of_what_is_done_makes_it_again_when_told_to(
    stack: Stack, options: list[str], made_again: set[str]
) -> None:
    run = ended_run(stack, f"done {len(made_again)}")
    nodes = json.loads(command(stack, "graph", run, "--json").stdout)["nodes"]
    results = {node["family"].rpartition(".")[2]: stack.file(node["key"]) for node in nodes}
    before = {name: file.stat().st_mtime_ns for name, file in results.items()}

    done = command(stack, "rerun", run, *options)

    assert done.returncode == 0, done.stderr
    after = {name: file.stat().st_mtime_ns for name, file in results.items()}
    assert {name for name in after if after[name] != before[name]} == made_again
    kept = {name for name, file in results.items() if file.with_name("log.1").exists()}
    assert kept == made_again
    assert ("--force makes it again" in done.stderr) is not made_again or made_again


def test_rerun_refuses_what_would_be_another_result(stack: Stack) -> None:
    run = ended_run(stack, "versioned")
    stack.chain(
        HISTORY,
        CHAIN.replace(
            "class SumTask(NectarTask):", 'class SumTask(NectarTask):\n    version = "2"'
        ),
    )

    done = command(stack, "rerun", run)

    assert (done.returncode, done.stdout) == (2, "")
    assert "The same parameters now mean" in done.stderr


def test_a_run_is_cancelled_and_a_rerun_of_an_active_one_refused(
    stack: Stack, tmp_path: Path
) -> None:
    path = "http/jobs_chain/GatedTask"
    run = stack.post(f"{path}?name=halt&gate={tmp_path / 'gate'}").json()["data"]["run_id"]
    wait_for(lambda: stack.get(f"/api/runs/{run}").json()["data"]["started"], "it runs")

    assert "cancel it first" in command(stack, "rerun", run).stderr
    done = command(stack, "cancel", run)

    assert done.returncode == 0, done.stderr
    status = wait_for(
        lambda: stack.get(f"/api/runs/{run}").json()["data"]["job_status"] == "CANCELLED", "ended"
    )
    assert status
    assert command(stack, "cancel", "nonsense").returncode == 2


def test_drop_deletes_results_and_says_when_there_is_none(stack: Stack) -> None:
    run = ended_run(stack, "dropped")
    key = stack.get(f"/api/runs/{run}").json()["data"]["key"]

    done = command(stack, "drop", key, "--json")

    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == {key: ["out.txt"]}
    assert not stack.file(key).exists()
    again = command(stack, "drop", key)
    assert again.returncode == 1
    assert "no result there" in again.stderr


# --- schedules and tokens -------------------------------------------------------------------------


def test_schedules_has_the_next_time_by_the_clock_of_its_zone(stack: Stack) -> None:
    stack.chain(HISTORY, CHAIN)

    rows = json.loads(command(stack, "schedules", "--json").stdout)

    (row,) = (row for row in rows if row["task"] == f"{HISTORY}/DailyTask")
    assert row["schedule"] == "30 5 * * * Europe/Berlin"
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT05:30\+0[12]:00", row["next"])
    line = next(x for x in command(stack, "schedules").stdout.splitlines() if "DailyTask" in x)
    assert line.split("\t") == [row["next"], row["task"], row["schedule"], "-"]


def test_a_schedule_is_paused_and_resumed(stack: Stack) -> None:
    stack.chain(HISTORY, CHAIN)
    path = f"{HISTORY}/DailyTask"

    paused = command(stack, "schedules", "--pause", path, "--json")

    assert paused.returncode == 0, paused.stderr
    (row,) = (row for row in json.loads(paused.stdout) if row["task"] == path)
    assert (row["paused"], row["next"]) == (True, "paused")
    resumed = json.loads(command(stack, "schedules", "--resume", path, "--json").stdout)
    assert not any(row["paused"] for row in resumed)
    refused = command(stack, "schedules", "--pause", f"{HISTORY}/SumTask")
    assert (refused.returncode, refused.stdout) == (2, "")
    assert "has no schedule" in refused.stderr


def test_a_rerun_takes_a_key_for_its_latest_run(stack: Stack) -> None:
    run = ended_run(stack, "by key")
    tasks = json.loads(command(stack, "graph", run, "--json").stdout)["nodes"]
    keys = {task["family"].rpartition(".")[2]: task["key"] for task in tasks}

    done = command(stack, "rerun", keys["SumTask"], "--force")

    assert done.returncode == 0, done.stderr
    assert f"dropped {keys['SumTask']}: out.txt" in done.stderr
    below = command(stack, "rerun", keys["ReadTask"])
    assert below.returncode == 2
    assert "made it on its way" in below.stderr
