"""What an author's code finds around it in a child, and what a child shows of itself."""

from __future__ import annotations

import json
import signal
import sys
from pathlib import Path
from typing import Any

import psutil
import pytest

from datanectar.errors import NotFound
from tests.servers.bench import Bench, lines_of
from tests.servers.processes import wait_for


def who(bench: Bench, name: str) -> dict[str, Any]:
    ran = bench.run("bad/processes_chain/WhoTask", name=name)
    facts: dict[str, Any] = json.loads(bench.file(ran.key).read_text())
    return facts


def test_an_authors_code_runs_in_a_process_of_its_own_below_the_fork_server(bench: Bench) -> None:
    before = set(sys.modules)
    facts = who(bench, "process")

    fork_server = bench.children._fork_server
    assert fork_server is not None and fork_server.watchdog is not None
    assert [facts["parent"]] == [p.pid for p in fork_server.watchdog.children()]
    assert facts["pid"] == facts["session"]
    assert not any(name.startswith("chains") for name in set(sys.modules) - before)


def test_a_child_imports_nothing_but_the_chain(bench: Bench) -> None:
    modules = set(who(bench, "modules")["modules"])
    chains = {name for name in modules if name.startswith("chains")}

    assert chains == {"chains", "chains.bad", "chains.bad.processes_chain"}
    heavy = {"flask", "werkzeug", "huey", "sqlalchemy", "gunicorn", "alembic", "boto3", "botocore"}
    heavy |= {
        "pytest",
        "_pytest",
        "datanectar.web.app",
        "datanectar.cli.main",
        "datanectar.child_pool",
    }
    assert modules & heavy == set()
    assert not {name for name in modules if name.startswith("tests")}


def test_a_child_has_the_signals_of_a_fresh_python_but_can_be_asked_to_end(bench: Bench) -> None:
    facts = who(bench, "signals")

    assert "default_int_handler" in facts["signals"]["SIGINT"]
    assert "_raise" in facts["signals"]["SIGTERM"]  # see datanectar/runner/stopping.py
    defaults = ("SIGCHLD", "SIGHUP", "SIGALRM")
    assert {facts["signals"][name] for name in defaults} == {repr(signal.SIG_DFL)}
    assert facts["blocked"] == []


def test_a_child_works_in_the_source_root(bench: Bench) -> None:
    facts = who(bench, "folder")

    assert facts["folder"] == str(bench.settings.code)
    assert str(bench.settings.code) in facts["path"]


def test_a_child_holds_no_descriptor_of_another_run(bench: Bench, tmp_path: Path) -> None:
    alone = who(bench, "alone")["descriptors"]
    evidence = tmp_path / "beside"
    ran = bench.begin("bad/processes_chain/LeaveTask", name="x", evidence=str(evidence), end="wait")
    wait_for(lambda: "ready" in lines_of(evidence), "the task has started its processes")
    try:
        assert len(who(bench, "accompanied")["descriptors"]) == len(alone)
    finally:
        ran.child.kill()
        bench.finish(ran)


@pytest.mark.skipif(sys.platform != "linux", reason="Linux shows titles")
def test_ps_shows_which_run_a_process_does(bench: Bench, tmp_path: Path) -> None:
    evidence = tmp_path / "evidence"
    ran = bench.begin("bad/processes_chain/LeaveTask", name="t", evidence=str(evidence), end="wait")
    wait_for(lambda: "ready" in lines_of(evidence), "the task runs")

    title = psutil.Process(ran.child.pid).cmdline()[0]

    ran.child.kill()
    bench.finish(ran)
    assert title == f"datanectar: run bad/processes_chain/LeaveTask {ran.run_id}"


def test_a_name_that_no_title_can_hold_is_refused_as_any_other(bench: Bench) -> None:
    with pytest.raises(NotFound):
        bench.resolve("basic/plain_chain/Greet\0\udc80Task")
