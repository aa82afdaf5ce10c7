"""Walks of a new user: from a bare Python and the wheel, by what a terminal shows alone."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import venv
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from tests.servers.processes import wait_for
from tests.walks.project import Person

ROOT = Path(__file__).parents[2]
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A new Python into which the wheel was installed; returns its ``bin``."""
    folder = tmp_path_factory.mktemp("walk")
    build = ["wheel", "--quiet", "--no-deps", "--wheel-dir", str(folder), str(ROOT)]
    subprocess.run([sys.executable, "-m", "pip", *build], check=True, capture_output=True)
    (wheel,) = folder.glob("*.whl")
    venv.create(folder / "venv", with_pip=True)
    pip = [folder / "venv" / "bin" / "python", "-m", "pip", "install", "--quiet", wheel]
    done = subprocess.run(pip, capture_output=True, text=True)
    if "No matching distribution found" in done.stderr:
        pytest.skip("the package index can't be reached")
    assert done.returncode == 0, done.stderr
    return folder / "venv" / "bin"


@pytest.fixture
def person(installed: Path, tmp_path: Path) -> Iterator[Person]:
    return Person(installed, tmp_path)


HITS = '''
import luigi
from datanectar import NectarTask


class ReadTask(NectarTask):
    """The hits of a day."""

    day = luigi.DateParameter()

    def run(self):
        print("reading", self.day)
        with self.output().open("w") as out:
            out.write("3\\n4\\n")


class ReportTask(NectarTask):
    """How many hits a day had, times a factor."""

    day = luigi.DateParameter()
    factor = luigi.IntParameter(default=1)

    def requires(self):
        return ReadTask(day=self.day)

    def run(self):
        print("summing up")
        with self.input().open() as lines:
            hits = sum(int(line) for line in lines)
        with self.output().open("w") as out:
            out.write(str(hits * self.factor))
'''


def test_from_init_to_a_chain_of_ones_own_over_http(person: Person) -> None:
    person.starts_project("shop")
    chain, test = person.succeeds("datanectar", "new", "web/hits").splitlines()
    Path(chain).write_text(HITS)
    assert Path(test).exists()

    path = person.succeeds(
        "datanectar", "run", "web/hits_chain/ReportTask", "--day", "2026-01-01", "--here"
    ).strip()
    assert Path(path).read_text() == "7"

    with person.up() as banner:
        (example,) = re.findall(r"curl -X POST '([^']+)'", banner)
        done = requests.post(example, headers={"Prefer": "wait=60"}, timeout=90).json()["data"]
        assert done["job_status"] == "DONE", done
        (api,) = re.findall(r"API +(\S+)", banner)
        listed = person.succeeds("datanectar", "chains", "web").splitlines()
        assert listed[1].split("\t")[:2] == ["web/hits_chain/ReportTask", "day=? factor=1"]
        response = requests.post(
            f"{api}/web/hits_chain/ReportTask?day=2026-01-01&factor=2",
            headers={"Prefer": "wait=60"},
            timeout=90,
        )
        result = requests.get(response.json()["data"]["target_url"], timeout=10)
        assert result.text == "14"
        there = requests.post(f"{api}/web/hits_chain/ReportTask?day=2026-01-01", timeout=90)
        assert there.json()["data"]["job_status"] == "DONE"  # by the run without a server
        assert person.types("datanectar", "doctor").returncode == 0
    assert person.service.returncode == 0


def test_a_failing_chain_is_understood_mended_and_picked_up_where_it_failed(
    person: Person,
) -> None:
    person.starts_project("shop")
    chain = Path(person.succeeds("datanectar", "new", "web/hits").splitlines()[0])
    chain.write_text(HITS.replace('out.write("3\\n4\\n")', 'out.write("3\\nfour\\n")'))

    with person.up():
        failed = person.types(
            "datanectar", "run", "web/hits_chain/ReportTask", "--day", "2026-01-01"
        )

        assert (failed.returncode, failed.stdout) == (1, "")
        assert "FAILED ValueError: invalid literal for int()" in failed.stderr
        assert "  task: web/hits_chain/ReportTask" in failed.stderr
        assert "hits = sum(int(line) for line in lines)" in failed.stderr
        read_on = re.findall(r"read on: (datanectar logs (\w+))", failed.stderr)
        ((command, run),) = read_on
        assert "summing up" in person.succeeds(*command.split())
        assert "reading 2026-01-01" in person.succeeds(*command.split(), "--task", "ReadTask")
        assert person.types("datanectar", "status", run).returncode == 1
        key = json.loads(person.succeeds("datanectar", "show", run, "--json"))["key"]

        chain.write_text(
            chain.read_text().replace("int(line)", '{"3": 3, "four": 4}[line.strip()]')
        )
        address = person.succeeds("datanectar", "rerun", run).strip()

        assert requests.get(address, timeout=10).text == "7"
        newest, first = json.loads(person.succeeds("datanectar", "runs", "--key", key, "--json"))
        assert (first["id"], first["job_status"], newest["job_status"]) == (run, "FAILED", "DONE")
        tasks = json.loads(person.succeeds("datanectar", "graph", newest["id"], "--json"))["nodes"]
        started = {task["family"].rpartition(".")[2]: task["started"] for task in tasks}
        assert started["ReadTask"] is None  # it was done: it was not made again
        assert started["ReportTask"] is not None
        assert "FAILED" not in person.succeeds("datanectar", "graph", newest["id"])


def test_a_backfill_of_ninety_days_is_killed_half_way_and_resumed(person: Person) -> None:
    person.starts_project("shop")
    task = "etl/sales_chain/ReportTask"
    days = ["--day", "2026-01-01..2026-03-31"]
    results = person.folder / "local_targets" / "chains" / task

    with person.up():
        person.succeeds("datanectar", "run", task, "--day", "2026-02-01")
        planned = person.succeeds("datanectar", "backfill", task, *days, "--dry-run")
        assert len(planned.splitlines()) == 89
        backfill = person.succeeds("datanectar", "backfill", task, *days, "--detach").strip()
        wait_for(lambda: len(list(results.glob("*/report.json"))) >= 45, "half of it is done", 120)
        person.pulls_the_plug()
    with person.up():
        person.succeeds("datanectar", "backfills", backfill, "--follow")

        found = json.loads(person.succeeds("datanectar", "backfills", backfill, "--json"))
        counts = found["counts"]
        assert (found["status"], counts["there_before"], counts["made"]) == ("DONE", 1, 89)
        assert len(list(results.glob("*/report.json"))) == 90
        runs = json.loads(person.succeeds("datanectar", "runs", "--limit", "500", "--json"))
        assert set(Counter(run["parameters"]["day"] for run in runs).values()) == {1}
        again = person.types("datanectar", "backfill", task, *days)
        assert again.returncode == 0, again.stderr
        assert "90 there before" in again.stderr
