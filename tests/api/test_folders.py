"""A folder as a result, over HTTP: local, and in a bucket of rclone's."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import requests

from datanectar import Client
from tests.api.answers import data
from tests.servers.processes import wait_for
from tests.servers.s3 import S3Server
from tests.servers.stack import Stack

PLACE = "etl/pages_chain"
CHAIN = '''
import os, pathlib, time
import luigi
from datanectar import NectarTask

class PagesTask(NectarTask):
    """Makes a folder."""
    name = luigi.Parameter()
    output_name = "pages/"
    def run(self):
        self.save({"index.html": f"<p>{self.name}</p>", "2026/sums.json": {"a": 1}})

class CountTask(NectarTask):
    """Reads a folder."""
    name = luigi.Parameter()
    def requires(self):
        return PagesTask(name=self.name)
    def run(self):
        folder = self.load(self.input())
        found = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*.*"))
        self.save(f"{found} {(folder / 'index.html').read_text()}")

class BothTask(NectarTask):
    """Has a folder beside a file."""
    def output(self):
        return {"pages": self.named_output("pages/"), "sum": self.named_output("sum.txt")}
    def run(self):
        with self.output()["pages"].temporary_path() as folder:
            pathlib.Path(folder, "a.txt").write_text("a")
        self.save("1", to=self.output()["sum"])

class HalfTask(NectarTask):
    """Waits with half of the folder written."""
    gate = luigi.Parameter()
    output_name = "pages/"
    def run(self):
        with self.output().temporary_path() as folder:
            pathlib.Path(folder, "a.txt").write_text("a")
            pathlib.Path(self.gate + ".half").touch()
            while not os.path.exists(self.gate):
                time.sleep(0.05)
            pathlib.Path(folder, "b.txt").write_text("b")

class LinkTask(NectarTask):
    output_name = "pages/"
    def run(self):
        with self.output().temporary_path() as folder:
            os.symlink("/etc/passwd", f"{folder}/passwd")
'''


@pytest.fixture(params=["local", "s3"])
def pages(request: pytest.FixtureRequest, make_stack: Callable[..., Stack]) -> Iterator[Stack]:
    more = {}
    if request.param == "s3":
        server: S3Server = request.getfixturevalue("rclone_s3")
        more = server.environ()
    stack = make_stack(**more)
    stack.chain(PLACE, CHAIN)
    yield stack.start()


def test_a_folder_is_listed_sent_and_dropped(pages: Stack, tmp_path: Path) -> None:
    status = pages.run(f"{PLACE}/PagesTask", name="x")
    key = status["key"]
    (result,) = status["results"]  # type: ignore[misc]
    assert status["resource_url"] == result["url"] == f"{pages.url}/api/targets/{key}/pages.zip"
    assert result["name"] == "pages.zip"
    assert result["files_url"] == f"{pages.url}/api/targets/{key}/pages/"

    listed = data(pages.get(f"/api/targets/{key}/pages/"))
    assert [(file["name"], file["size"]) for file in listed["files"]] == [
        ("pages/2026/sums.json", 9),
        ("pages/index.html", 8),
    ]
    assert pages.get(f"/api/targets/{key}/pages/index.html").text == "<p>x</p>"
    assert Client(pages.url).transport.send("GET", listed["files"][0]["url"]).json() == {"a": 1}
    archive = zipfile.ZipFile(io.BytesIO(pages.get(f"/api/targets/{key}/pages.zip").content))
    assert archive.read("index.html") == b"<p>x</p>"
    assert pages.get(f"/api/targets/{key}/pages/none.txt").status_code == 404
    assert pages.get(f"/api/targets/{key}/none/").status_code == 404
    page = pages.get(f"/runs/{status['run_id']}", headers={"Accept": "text/html"}).text
    assert f'href="/api/targets/{key}/pages/2026/sums.json"' in page

    again = data(pages.post(f"{PLACE}/PagesTask?name=x"))
    assert (again["job_status"], again["target_url"]) == ("DONE", result["url"])
    dropped = requests.delete(f"{pages.url}/api/targets/{key}")
    assert dropped.json()["data"]["dropped"] == ["pages.zip"]
    assert pages.get(f"/api/targets/{key}/pages/").status_code == 404
    assert pages.run(f"{PLACE}/PagesTask", name="x")["job_status"] == "DONE"


def test_a_folder_is_loaded_by_the_next_task(pages: Stack) -> None:
    status = pages.run(f"{PLACE}/CountTask", name="y")

    assert status["job_status"] == "DONE", status
    result = Client(pages.url).run(f"{PLACE}/CountTask", name="y").wait()
    assert result.read_text() == "['2026/sums.json', 'index.html'] <p>y</p>"


def test_a_folder_may_lie_beside_a_file(pages: Stack) -> None:
    status = pages.run(f"{PLACE}/BothTask")

    results = status["results"]
    assert [file["name"] for file in results] == ["pages.zip", "sum.txt"]  # type: ignore[attr-defined]
    assert pages.get(f"/api/targets/{status['key']}/pages/a.txt").text == "a"
    dropped = requests.delete(f"{pages.url}/api/targets/{status['key']}")
    assert dropped.json()["data"]["dropped"] == ["pages.zip", "sum.txt"]


def test_a_worker_that_dies_in_the_middle_leaves_nothing_to_be_seen(
    pages: Stack, tmp_path: Path
) -> None:
    gate = tmp_path / "gate"
    key = data(pages.post(f"{PLACE}/HalfTask?gate={gate}"))["key"]
    wait_for(Path(f"{gate}.half").exists, "half of the folder is written")

    pages.kill("worker")
    assert pages.get(f"/api/targets/{key}/pages/").status_code == 404
    assert pages.get(f"/api/targets/{key}/pages.zip").status_code == 404
    gate.touch()
    pages.start_worker()

    assert pages.ended(key)["job_status"] == "DONE"
    listed = data(pages.get(f"/api/targets/{key}/pages/"))
    assert [file["name"] for file in listed["files"]] == ["pages/a.txt", "pages/b.txt"]


def test_a_link_in_the_folder_fails_the_task_in_words(pages: Stack) -> None:
    status = pages.run(f"{PLACE}/LinkTask")

    assert status["job_status"] == "FAILED"
    assert "passwd is a link or a device: a result's folder has files alone" in str(status["error"])
