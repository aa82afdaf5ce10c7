"""A key's status and graph: while it runs, when it has ended, and after what went before."""

from __future__ import annotations

from pathlib import Path

from tests.api.answers import data, log, post
from tests.servers.processes import wait_for
from tests.servers.stack import Stack

JOBS = "http/jobs_chain"


def test_a_running_task_has_its_log_and_no_result(stack: Stack, tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    key = post(stack, f"{JOBS}/GatedTask", name="runs", gate=gate)
    wait_for(lambda: "runs has begun" in log(stack, key), "its log is there")

    status = stack.status(key)
    assert (status["job_status"], status["attempts"], status["scheduler"]) == ("RUNNING", 1, "ok")
    assert (status["resource_url"], status["expires_in"], status["finished"]) == (None, None, None)
    assert status["log_url"] == f"{stack.url}/api/chainlog?chain={key}/out.txt"
    assert "goes on" not in log(stack, key)

    gate.touch()
    ended = stack.ended(key)
    assert (ended["job_status"], ended["expires_in"]) == ("DONE", 600)
    assert ended["resource_url"] == f"{stack.url}/api/targets/{key}/out.txt"
    assert str(ended["created"]) <= str(ended["started"]) <= str(ended["finished"])
    assert ended["error"] is None
    assert "runs has begun\nruns goes on\n" in log(stack, key)


def test_a_key_may_be_asked_for_with_or_without_its_file(stack: Stack) -> None:
    status = stack.run("basic/plain_chain/GreetTask", name="spelled")

    for spelling in (status["key"], f"{status['key']}/", f"{status['key']}/out.txt"):
        assert data(stack.get("/api/chainstatus", params={"chain": spelling})) == status


def test_a_failure_says_why_and_where(stack: Stack) -> None:
    status = stack.run(f"{JOBS}/FlakyTask", name="poor", cure="/no/cure")

    assert status["job_status"] == "FAILED"
    assert status["error"] == "ValueError: poor is sick"
    assert "jobs_chain.py" in str(status["traceback"])
    assert status["failed_key"] == status["key"]
    assert status["resource_url"] is None
    failed_log = stack.get(str(status["failed_log_url"]).removeprefix(stack.url)).text
    assert "the sick attempt" in failed_log
    assert failed_log.rstrip().endswith("ValueError: poor is sick")


def test_what_was_needed_on_the_way_has_a_status_and_a_log_too(stack: Stack) -> None:
    root = stack.run(f"{JOBS}/FamilyTask", name="clan")
    needed = data(stack.get(f"/api/chains/{JOBS}/GatedTask/key?name=clan-1"))["key"]

    status = stack.status(needed)

    assert (status["job_status"], status["run_id"]) == ("DONE", root["run_id"])
    assert stack.client.read(status) == b"clan-1"
    assert "clan-1 has begun" in log(stack, needed)
    assert status["started"] is not None


def test_a_result_that_is_gone_is_unknown_and_says_what_to_do(stack: Stack) -> None:
    status = stack.run("basic/plain_chain/GreetTask", name="gone")
    stack.file(str(status["key"])).unlink()

    after = stack.status(str(status["key"]))

    assert (after["job_status"], after["resource_url"]) == ("UNKNOWN", None)
    assert "POST the task to make it again" in str(after["error"])
    assert stack.run("basic/plain_chain/GreetTask", name="gone")["job_status"] == "DONE"


def test_a_graph_has_the_tasks_as_nodes_and_their_needs_as_edges(stack: Stack) -> None:
    root = stack.run(f"{JOBS}/FamilyTask", name="drawn")

    graph = data(stack.get("/api/chaingraph", params={"chain": root["key"]}))

    nodes = {node["key"]: node for node in graph["nodes"]}
    keys = {
        n: data(stack.get(f"/api/chains/{JOBS}/GatedTask/key?name=drawn-{n}"))["key"] for n in "12"
    }
    assert set(nodes) == {root["key"], *keys.values()}
    assert {node["status"] for node in nodes.values()} == {"DONE"}
    top = nodes[root["key"]]
    assert {(edge["from"], edge["to"]) for edge in graph["edges"]} == {
        (nodes[key]["id"], top["id"]) for key in keys.values()
    }
    assert all(node["started"] <= node["finished"] for node in nodes.values())
    assert stack.get(top["log_url"].removeprefix(stack.url)).status_code == 200
    of_run = data(stack.get(f"/api/runs/{root['run_id']}"))
    assert of_run["graph"] == graph
