"""A run that the client has requested: waiting for it, its end, and its result."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from datanectar import Client
from datanectar.client import RunFailed
from datanectar.errors import BadRequest
from tests.servers.stack import Stack

JOBS = "http/jobs_chain"


def test_the_result_is_read_in_every_way(stack: Stack, tmp_path: Path) -> None:
    with Client(stack.url) as client:
        result = client.run("basic/plain_chain/GreetTask", name="ways").wait()

        assert result.names == ["out.txt"]
        assert result.read_text() == "hello ways\n"
        with result.open() as text:
            assert text.readlines() == ["hello ways\n"]
        assert result.to_path(tmp_path) == tmp_path / "out.txt"
        assert result.to_path(tmp_path / "mine.txt").read_text() == "hello ways\n"
        assert sorted(path.name for path in tmp_path.iterdir()) == ["mine.txt", "out.txt"]


def test_tables_and_values(stack: Stack) -> None:
    pandas = pytest.importorskip("pandas")
    stack.chain(
        "basic/tables_chain",
        "from datanectar import NectarTask\n\n\n"
        "class CsvTask(NectarTask):\n    output_name = 'out.csv'\n\n"
        "    def run(self):\n        with self.output().open('w') as out:\n"
        "            out.write('day,n\\n1,2\\n')\n",
    )

    result = Client(stack.url).run("basic/tables_chain/CsvTask").wait()

    assert result.dataframe().equals(pandas.DataFrame({"day": [1], "n": [2]}))


def test_a_file_that_is_no_table_and_one_that_is_not_there(stack: Stack) -> None:
    result = Client(stack.url).run("basic/plain_chain/GreetTask", name="7").wait()

    with pytest.raises(BadRequest, match=r"'.txt' is no table; these are: .csv"):
        result.dataframe()
    with pytest.raises(BadRequest, match=r"no file 'x.txt'; there are: out.txt"):
        result.read_text("x.txt")
    with pytest.raises(json.JSONDecodeError):
        result.json()


def test_a_failure_is_raised_with_the_status(stack: Stack) -> None:
    run = Client(stack.url).run(f"{JOBS}/FlakyTask", name="raised", cure="/no/cure")

    with pytest.raises(RunFailed, match="FAILED: ValueError: raised is sick") as failure:
        run.wait()

    assert failure.value.status == 422
    assert failure.value.run_status["failed_key"] == run.key
    assert "ValueError: raised is sick" in failure.value.run_status["traceback"]


def test_waiting_ends_in_time_and_cancelling_ends_the_run(stack: Stack, tmp_path: Path) -> None:
    run = Client(stack.url).run(f"{JOBS}/GatedTask", name="late", gate=str(tmp_path / "gate"))

    with pytest.raises(TimeoutError, match="still after"):
        run.wait(timeout=0.5)
    run.cancel()

    with pytest.raises(RunFailed, match="CANCELLED") as failure:
        run.wait(timeout=60)
    assert failure.value.status == 409


def test_progress_is_reported_and_the_result_dropped(stack: Stack, tmp_path: Path) -> None:
    gate, seen = tmp_path / "gate", []
    run = Client(stack.url).run(f"{JOBS}/GatedTask", name="watched", gate=str(gate))

    def progress(status: dict[str, object]) -> None:
        seen.append(status["job_status"])
        gate.touch()

    run.wait(progress=progress)

    assert seen[-1] == "DONE"
    assert len(seen) > 1
    assert run.drop() == ["out.txt"]
    assert run.status()["job_status"] == "UNKNOWN"


def test_the_history_is_read_page_by_page(stack: Stack) -> None:
    client = Client(stack.url)
    made = [client.run("basic/plain_chain/GreetTask", name=f"page {n}").run_id for n in range(3)]

    runs = client.iter_runs(task="GreetTask", limit=2)

    assert set(made) <= {run["id"] for run in runs}
