"""A store that nobody here has thought of is one module and one row: whole runs work with it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from datanectar.attempt_files import attempts
from tests.api.answers import data
from tests.servers.processes import wait_for
from tests.servers.stack import Stack

#: Python imports a module of this name at its start: so every process of the stack has the row.
ROW = "from tests.storage.folder_store import register\nregister()\n"

CHAIN = """
import pathlib
import time

import luigi

from datanectar import NectarLocalTask, NectarTask


class LocalTask(NectarLocalTask):
    name = luigi.Parameter()

    def run(self):
        print("in local")
        with self.output().open("w") as out:
            out.write(self.name)


class ShelfTask(NectarTask):
    storage_name = "folder"
    name = luigi.Parameter()
    go = luigi.Parameter(default="", significant=False)

    def requires(self):
        return LocalTask(name=self.name)

    def run(self):
        print("first line", flush=True)
        while self.go and not pathlib.Path(self.go).exists():
            time.sleep(0.05)
        print("second line")
        if self.name == "bad":
            raise ValueError("as told")
        with self.input().open() as given, self.output().open("w") as out:
            out.write(f"kept {given.read()}")


class RootTask(NectarLocalTask):
    name = luigi.Parameter()

    def requires(self):
        return ShelfTask(name=self.name)

    def run(self):
        with self.input().open() as given, self.output().open("w") as out:
            out.write(given.read().upper())


class DeclaredTask(luigi.Task):
    name = luigi.Parameter()

    def output(self):
        return ShelfTask(name=self.name).output()

    def complete(self):
        return self.output().exists()

    def run(self):
        with self.output().open("w") as out:
            out.write("declared")


class NeverTask(NectarTask):
    storage_name = "folder"

    def requires(self):
        raise RuntimeError("no way to run this")
"""


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    stack = Stack(tmp_path_factory.mktemp("project"))
    stack.chain("made/third_chain", CHAIN)
    start = stack.project / "start"
    start.mkdir()
    (start / "sitecustomize.py").write_text(ROW)
    stack.environ |= {
        "PYTHONPATH": f"{start}:{Path(__file__).parents[2]}",
        "DATANECTAR_LOG_SHIP_INTERVAL": "0.2",
        "DATANECTAR_MAX_ATTEMPTS": "1",
    }
    try:
        yield stack.start()
    finally:
        stack.close()


def kept(stack: Stack, key: object) -> dict[str, str]:
    """Return what lies under a key on the shelf."""
    folder = stack.project / "shelf" / str(key)
    return {path.name: path.read_text() for path in folder.glob("*")}


def test_result_log_and_parameters_lie_in_the_third_store(stack: Stack) -> None:
    status = stack.run("made/third_chain/ShelfTask", name="honey")

    assert status["job_status"] == "DONE", status
    files = kept(stack, status["key"])
    assert sorted(files) == ["log", "out.txt", "params.txt"]
    assert files["out.txt"] == "kept honey"
    assert "first line" in files["log"] and "second line" in files["log"]
    assert json.loads(files["params.txt"])["name"] == "honey"
    assert not attempts(stack.settings.state)
    again = data(stack.post("made/third_chain/ShelfTask?name=honey"))
    assert again["job_status"] == "DONE"


def test_the_app_gives_out_what_its_store_has_no_url_of(stack: Stack) -> None:
    status = stack.run("made/third_chain/ShelfTask", name="wax")

    url = str(status["resource_url"])
    assert "/api/targets/" in url
    found = requests.get(url, timeout=30)
    assert (found.status_code, found.text) == (200, "kept wax")
    assert found.headers["Content-Length"] == "8"
    assert requests.head(url, timeout=30).headers["Content-Length"] == "8"
    log = requests.get(f"{stack.settings.app_url}/api/chainlog?chain={status['key']}", timeout=30)
    assert "second line" in log.text


def test_the_log_is_followed_and_uploaded_while_the_task_runs(stack: Stack, tmp_path: Path) -> None:
    go = tmp_path / "go"
    key = data(stack.post(f"made/third_chain/ShelfTask?name=live&go={go}"))["key"]
    url = f"{stack.settings.app_url}/api/chainlog?chain={key}"

    wait_for(lambda: "first line" in requests.get(url, timeout=30).text, "the log is shown")
    wait_for(lambda: "first line" in kept(stack, key).get("log", ""), "the log is uploaded")
    assert "second line" not in kept(stack, key)["log"]
    go.touch()

    assert stack.ended(key)["job_status"] == "DONE"
    assert "second line" in kept(stack, key)["log"]


def test_a_run_may_keep_its_results_in_several_stores(stack: Stack) -> None:
    """The log of each task goes to its own store, not to that of the run's root."""
    status = stack.run("made/third_chain/RootTask", name="mixed")

    assert status["job_status"] == "DONE", status
    local = stack.settings.local_targets / str(status["key"])
    assert (local / "out.txt").read_text() == "KEPT MIXED"
    [folder] = (
        path.parent
        for path in (stack.project / "shelf").glob("chains/made/third_chain/ShelfTask/*/out.txt")
        if path.read_text() == "kept mixed"
    )
    assert "second line" in (folder / "log").read_text()


def test_a_failure_is_in_the_log_in_the_third_store(stack: Stack) -> None:
    status = stack.run("made/third_chain/ShelfTask", name="bad")
    assert status["job_status"] == "FAILED"
    assert "ValueError: as told" in kept(stack, status["key"])["log"]


def test_a_root_that_never_ran_has_the_runs_log_in_the_third_store(stack: Stack) -> None:
    status = stack.run("made/third_chain/NeverTask")
    assert status["job_status"] == "FAILED"
    wait_for(
        lambda: "no way to run" in kept(stack, status["key"]).get("log", ""), "the log is there"
    )


def test_an_output_of_an_authors_own_is_found_and_dropped_in_the_third_store(stack: Stack) -> None:
    status = stack.run("made/third_chain/DeclaredTask", name="own")

    assert status["job_status"] == "DONE", status
    assert requests.get(str(status["resource_url"]), timeout=30).text == "declared"
    dropped = requests.delete(f"{stack.settings.app_url}/api/targets/{status['key']}", timeout=30)
    assert data(dropped)["dropped"] == ["out.txt"]
    assert "DeclaredTask" in str(status["key"])
    assert stack.status(status["key"])["job_status"] == "UNKNOWN"
