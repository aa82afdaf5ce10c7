"""``POST /api/runs/<id>/rerun``: the same key again, with what it requires or without."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import requests

from tests.api.answers import data, refused
from tests.servers.processes import wait_for
from tests.servers.stack import Stack

CHAIN = r"""import luigi

from datanectar import NectarTask


class _Counts(NectarTask):
    evidence = luigi.Parameter(significant=False)
    word = luigi.Parameter()

    def run(self):
        with open(self.evidence, "a") as lines:
            lines.write(type(self).__name__ + "\n")
        with self.output().open("w") as out:
            out.write("made")


class LowTask(_Counts):
    pass


class MiddleTask(_Counts):
    def requires(self):
        return self.clone(LowTask)


class TopTask(_Counts):
    def requires(self):
        return self.clone(MiddleTask)


class DatedTask(NectarTask):
    def run(self):
        with self.output().open("w") as out:
            out.write("made")


class SecretTask(NectarTask):
    password = luigi.Parameter(visibility=luigi.parameter.ParameterVisibility.PRIVATE)

    def run(self):
        with self.output().open("w") as out:
            out.write("made")
"""
TOP = "again/again_chain/TopTask"


@pytest.fixture(scope="module", autouse=True)
def chain(stack: Stack) -> None:
    stack.chain("again/again_chain", CHAIN)


def rerun(stack: Stack, run_id: object, **options: Any) -> requests.Response:
    return requests.post(f"{stack.url}/api/runs/{run_id}/rerun", json=options, timeout=30)


def ran(stack: Stack, evidence: Path, run_id: object, **options: Any) -> tuple[list[str], Any]:
    """Rerun, wait for the end; return which tasks ran meanwhile, and the response's data."""
    before = evidence.read_text().split()
    accepted = data(rerun(stack, run_id, **options))
    assert stack.ended(accepted["key"])["job_status"] == "DONE"
    return evidence.read_text().split()[len(before) :], accepted


def test_a_result_that_is_there_is_the_answer(stack: Stack, tmp_path: Path) -> None:
    evidence = tmp_path / "ran"
    done = stack.run(TOP, word="there", evidence=str(evidence))

    made, accepted = ran(stack, evidence, done["run_id"])

    assert (made, accepted["job_status"], accepted["dropped"]) == ([], "DONE", {})


def test_force_makes_the_task_again_and_keeps_log_and_history(stack: Stack, tmp_path: Path) -> None:
    evidence = tmp_path / "ran"
    done = stack.run(TOP, word="force", evidence=str(evidence))

    made, accepted = ran(stack, evidence, done["run_id"], force=True)

    assert made == ["TopTask"]
    assert (accepted["key"], accepted["dropped"]) == (done["key"], {done["key"]: ["out.txt"]})
    assert stack.file(str(done["key"]), "log.1").exists()
    runs = data(stack.get("/api/runs", params={"key": done["key"]}))["runs"]
    assert [run["id"] for run in runs] == [accepted["run_id"], done["run_id"]]


def test_upstream_makes_again_what_an_earlier_run_had_made(stack: Stack, tmp_path: Path) -> None:
    evidence = tmp_path / "ran"
    stack.run("again/again_chain/MiddleTask", word="all", evidence=str(evidence))
    done = stack.run(TOP, word="all", evidence=str(evidence))  # whose graph has no LowTask

    made, accepted = ran(stack, evidence, done["run_id"], upstream=True)

    assert made == ["LowTask", "MiddleTask", "TopTask"]
    assert len(accepted["dropped"]) == 3


def test_a_run_of_yesterday_is_made_again_under_its_date(stack: Stack) -> None:
    accepted = stack.client.post("again/again_chain/DatedTask")
    done = stack.ended(str(accepted["key"]))
    run = stack.store.get(str(done["run_id"]))
    assert run is not None
    with stack.store._db.write() as connection:
        earlier = run.run_time.replace(run.run_time[:10], "2016-06-03")
        old_key = run.key.rpartition("/")[0] + "/b226f1826734303ca9d39d79f960b367"
        statement = "UPDATE runs SET run_time = ?, key = ? WHERE id = ?"
        connection.exec_driver_sql(statement, (earlier, old_key, run.id))

    again = data(rerun(stack, run.id))

    assert again["key"] == old_key
    assert stack.ended(old_key)["job_status"] == "DONE"


def test_what_can_not_be_run_again_is_refused(stack: Stack, tmp_path: Path) -> None:
    secret = stack.run("again/again_chain/SecretTask", password="x")
    assert "password" in refused(rerun(stack, secret["run_id"]), 400)["data"]["fields"]
    assert refused(rerun(stack, "0" * 26), 404)
    assert (
        "sideways" in refused(rerun(stack, secret["run_id"], sideways=True), 400)["data"]["fields"]
    )
    assert refused(rerun(stack, secret["run_id"], force="maybe"), 400)["data"]["fields"] == {
        "force": "true or false"
    }


def test_a_run_that_goes_on_is_not_run_again(stack: Stack) -> None:
    accepted = stack.client.post("basic/plain_chain/SleepTask", name="long", seconds=60)
    try:
        assert "cancel it first" in refused(rerun(stack, accepted["run_id"]), 409)["message"]
    finally:
        stack.client.cancel(str(accepted["run_id"]))


def test_nothing_is_dropped_while_another_run_needs_it(stack: Stack, tmp_path: Path) -> None:
    evidence = tmp_path / "ran"
    top = stack.run(TOP, word="busy", evidence=str(evidence))
    low = next(
        n["key"] for n in stack.client.graph(str(top["key"]))["nodes"] if "Low" in n["family"]
    )
    stack.client.drop(low)
    stop, started = tmp_path / "stop", tmp_path / "started"
    waits = f"""open({str(started)!r}, "w").close()
        while not __import__("os").path.exists({str(stop)!r}):
            __import__("time").sleep(0.05)
        with open(self.evidence"""
    stack.chain("again/again_chain", CHAIN.replace("with open(self.evidence", waits, 1))
    stack.client.post("again/again_chain/LowTask", word="busy", evidence=str(evidence))
    wait_for(started.exists, "the other run is at it")

    body = refused(rerun(stack, top["run_id"], upstream=True), 409)

    stop.touch()
    stack.chain("again/again_chain", CHAIN)
    assert "cancel it first" in body["message"]
    assert stack.file(str(top["key"])).exists()


def test_a_button_makes_the_result_again(stack: Stack, tmp_path: Path) -> None:
    evidence = tmp_path / "ran"
    done = stack.run(TOP, word="button", evidence=str(evidence))
    page = stack.get(f"/runs/{done['run_id']}", headers={"Accept": "text/html"}).text
    assert f'action="/runs/{done["run_id"]}/rerun"' in page

    response = requests.post(
        f"{stack.url}/runs/{done['run_id']}/rerun",
        data={"upstream": "yes", "sure": "yes"},
        timeout=30,
    )

    assert response.status_code == 200
    stack.ended(str(done["key"]))
    assert evidence.read_text().split()[3:] == ["LowTask", "MiddleTask", "TopTask"]
