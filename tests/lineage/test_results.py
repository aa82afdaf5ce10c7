"""What a result was made of and into, across chains and runs, and dropping both."""

from __future__ import annotations

import json
from typing import Any

import pytest

from datanectar.client import Client
from datanectar.errors import Conflict, NotFound
from tests.cli.command_line import command
from tests.servers.processes import wait_for
from tests.servers.stack import Stack

pytestmark = pytest.mark.slow


def made(stack: Stack, day: str) -> dict[str, str]:
    """Make the results of a day, each in a run of its own; return their keys by task."""
    paths = ("sources/sources_chain/RawTask", "sources/sources_chain/CleanTask")
    paths += ("middle/middle_chain/PricesTask", "reports/reports_chain/ReportTask")
    keys = {}
    for path in paths:
        status = stack.run(path, day=day)
        assert status["job_status"] == "DONE", status
        keys[path.rpartition("/")[2]] = str(status["key"])
    return keys


def steps(found: dict[str, Any], way: str) -> dict[str, tuple[int, bool]]:
    return {each["key"].split("/")[3]: (each["steps"], each["is_there"]) for each in found[way]}


def test_a_lineage_goes_through_all_chains_and_runs(chains: Stack) -> None:
    keys = made(chains, "mon")
    raw = chains.client.lineage(keys["RawTask"])
    assert steps(raw, "downstream") == {
        "CleanTask": (1, True),
        "PricesTask": (2, True),
        "ReportTask": (3, True),
    }
    assert raw["upstream"] == []
    report = chains.client.lineage(keys["ReportTask"])
    assert {name: count for name, (count, _) in steps(report, "upstream").items()} == {
        "PricesTask": 1,
        "CleanTask": 2,
        "RawTask": 3,
    }
    (file,) = report["files"]
    assert file["address"].endswith("/raw_mon.csv")
    assert file["stamp"].startswith("modified=")
    assert file["read_by"] == keys["RawTask"]
    edges = {(one["from"].split("/")[3], one["to"].split("/")[3]) for one in report["edges"]}
    assert edges == {
        ("RawTask", "CleanTask"),
        ("CleanTask", "PricesTask"),
        ("PricesTask", "ReportTask"),
    }
    assert not report["is_cut"]


def test_what_was_made_from_a_result_is_dropped_with_it(chains: Stack) -> None:
    keys = made(chains, "tue")
    dropped = chains.client.drop_with_downstream(keys["CleanTask"])["dropped"]
    assert dropped.keys() == {keys["ReportTask"], keys["PricesTask"], keys["CleanTask"]}
    assert chains.file(keys["RawTask"]).exists()
    assert not any(chains.file(key).exists() for key in dropped)
    lineage = steps(chains.client.lineage(keys["RawTask"]), "downstream")
    assert lineage["ReportTask"] == (3, False)
    with pytest.raises(NotFound, match="nothing that was made from it"):
        chains.client.drop_with_downstream(keys["CleanTask"])
    chains.run("reports/reports_chain/ReportTask", day="tue")
    assert all(chains.file(key).exists() for key in keys.values())


def test_nothing_is_dropped_while_a_run_needs_any_of_it(chains: Stack) -> None:
    keys, gate = made(chains, "wed"), chains.project / "gate"
    later = chains.client.post("middle/middle_chain/LaterTask", day="wed", gate=str(gate))

    def needed() -> Any:
        each = chains.client.lineage(keys["RawTask"])["downstream"]
        return {one["key"]: one["needed_by_run"] for one in each if one["needed_by_run"]}

    found = wait_for(lambda: later["key"] in needed() and needed(), "the run has begun")
    assert found[keys["CleanTask"]] == later["run_id"]
    with pytest.raises(Conflict, match=str(later["run_id"])):
        chains.client.drop_with_downstream(keys["RawTask"])
    assert all(chains.file(key).exists() for key in keys.values())
    gate.touch()
    chains.ended(str(later["key"]))
    assert len(chains.client.drop_with_downstream(keys["RawTask"])["dropped"]) == 5


def test_a_key_that_nobody_knows_has_no_lineage(chains: Stack) -> None:
    unknown = "chains/sources/sources_chain/RawTask/" + "0" * 32
    for ask in (Client.lineage, Client.drop_with_downstream):
        with pytest.raises(NotFound, match="Nothing is known of"):
            ask(chains.client, unknown)


def test_the_command_lists_a_lineage_and_drops_it(chains: Stack) -> None:
    keys = made(chains, "thu")
    shown = command(chains, "lineage", keys["PricesTask"])
    lines = [line.split("\t") for line in shown.stdout.splitlines()]
    assert [line[:3] for line in lines[:3]] == [
        ["up", "1", "there"],
        ["up", "2", "there"],
        ["down", "1", "there"],
    ]
    assert [line[0] for line in lines[3:]] == ["file"]
    down = command(chains, "lineage", keys["PricesTask"], "--down", "--json")
    found = json.loads(down.stdout)
    assert [each["key"] for each in found["downstream"]] == [keys["ReportTask"]]
    assert "upstream" not in found
    dropped = command(chains, "drop", "--downstream", keys["RawTask"], keys["ReportTask"], "--json")
    assert dropped.returncode == 0, dropped.stderr
    assert set(json.loads(dropped.stdout)) == set(keys.values())


def test_the_tasks_that_feed_each_other_are_known_without_their_parameters(chains: Stack) -> None:
    keys = made(chains, "fri")
    answer = chains.get("/api/lineage/tasks").json()["data"]
    pairs = {(one["from"], one["to"]) for one in answer["edges"]}
    assert {
        ("sources/sources_chain/RawTask", "sources/sources_chain/CleanTask"),
        ("sources/sources_chain/CleanTask", "middle/middle_chain/PricesTask"),
        ("middle/middle_chain/PricesTask", "reports/reports_chain/ReportTask"),
    } <= pairs
    assert not any("UnkeyedStep" in name for pair in pairs for name in pair)
    files = {one["task"]: one["addresses"] for one in answer["files"]}
    assert files["sources/sources_chain/RawTask"][0].endswith(".csv")
    before = pairs
    chains.run("middle/middle_chain/LaterTask", day="fri")
    again = chains.get("/api/lineage/tasks").json()["data"]["edges"]
    new = {(one["from"], one["to"]) for one in again} - before
    assert new <= {("sources/sources_chain/CleanTask", "middle/middle_chain/LaterTask")}
    assert chains.file(keys["RawTask"]).exists()
