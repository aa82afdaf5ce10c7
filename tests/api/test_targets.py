"""``/api/targets``: files as they are, harmless in a browser; and results that are dropped."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.api.answers import data, refused
from tests.servers.processes import wait_for
from tests.servers.stack import Stack

JOBS = "http/jobs_chain"
PICTURE = b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 40


def made(stack: Stack, path: str, **parameters: Any) -> tuple[str, str]:
    """Run a task; return its key and the path of its result's URL."""
    status = stack.run(path, **parameters)
    assert status["job_status"] == "DONE", status
    return str(status["key"]), str(status["resource_url"]).removeprefix(stack.url)


@pytest.mark.parametrize(
    ("task", "file", "kind"),
    [
        ("PageTask", "page.html", "text/html; charset=utf-8"),
        ("PictureTask", "picture.png", "image/png"),
        ("PackedTask", "table.csv.gz", "application/gzip"),
        ("TableTask", "table.csv", "text/csv; charset=utf-8"),
    ],
)
def test_a_result_has_its_own_name_and_type_and_can_do_nothing_in_our_name(
    stack: Stack, task: str, file: str, kind: str
) -> None:
    key, url = made(stack, f"{JOBS}/{task}")

    answer = stack.get(url)

    assert url == f"/api/targets/{key}/{file}"
    assert answer.headers["Content-Type"] == kind
    assert answer.content == stack.file(key, file).read_bytes()
    assert "Content-Encoding" not in answer.headers
    assert "sandbox" in answer.headers["Content-Security-Policy"]
    assert "allow-scripts" not in answer.headers["Content-Security-Policy"]
    assert answer.headers["X-Content-Type-Options"] == "nosniff"


def test_a_results_name_may_have_blanks_and_letters_of_any_language(stack: Stack) -> None:
    """fault 3.22: an output_name with a blank or a letter beyond ASCII"""
    key, url = made(stack, f"{JOBS}/NamedTask")

    assert url == f"/api/targets/{key}/Gr%C3%B6%C3%9Fe%202.csv"
    assert stack.get(url).text == "a,b\n"
    again = stack.post(f"{JOBS}/NamedTask")
    location = again.headers["Location"].removeprefix(stack.url)
    assert data(stack.get(location))["job_status"] == "DONE"
    assert data(again)["target_url"] == stack.url + url
    for page in (f"/results/{key.removeprefix('chains/')}", f"/runs/{data(again)['run_id']}"):
        assert "Gr%C3%B6%C3%9Fe%202.csv" in stack.get(page).text
    dropped = data(requests.delete(f"{stack.url}/api/targets/{key}", timeout=30))
    assert dropped["dropped"] == ["Größe 2.csv"]


def test_bytes_come_as_they_were_written_whole_or_in_ranges(stack: Stack) -> None:
    _, url = made(stack, f"{JOBS}/PictureTask")

    assert stack.get(url).content == PICTURE
    part = stack.get(url, headers={"Range": "bytes=8-17"})
    assert (part.status_code, part.content) == (206, PICTURE[8:18])
    assert part.headers["Content-Range"] == f"bytes 8-17/{len(PICTURE)}"
    tail = stack.get(url, headers={"Range": "bytes=-5"})
    assert (tail.status_code, tail.content) == (206, PICTURE[-5:])
    beyond = stack.get(url, headers={"Range": f"bytes={len(PICTURE)}-"})
    assert refused(beyond, 416)["data"] is None
    head = requests.head(f"{stack.url}{url}", timeout=10)
    assert (head.headers["Content-Length"], head.content) == (str(len(PICTURE)), b"")


def test_an_unchanged_file_is_not_sent_again(stack: Stack) -> None:
    _, url = made(stack, f"{JOBS}/TableTask")
    tag = stack.get(url).headers["ETag"]

    again = stack.get(url, headers={"If-None-Match": tag})

    assert (again.status_code, again.content) == (304, b"")


def test_log_and_parameters_lie_beside_the_result(stack: Stack) -> None:
    key, _ = made(stack, f"{JOBS}/GatedTask", name="beside")

    log = stack.get(f"/api/targets/{key}/log")
    params = stack.get(f"/api/targets/{key}/params.txt")

    assert log.headers["Content-Type"] == "text/plain; charset=utf-8"
    assert "beside has begun" in log.text
    assert json.loads(params.text) == {"name": "beside", "gate": "", "evidence": ""}
    refused(stack.get(f"/api/targets/{key}/other.txt"), 404)


def test_a_dropped_result_is_made_again_and_keeps_its_logs_and_its_history(
    stack: Stack, tmp_path: Path
) -> None:
    evidence = tmp_path / "evidence"
    parameters = {"name": "again", "evidence": str(evidence)}
    key, url = made(stack, f"{JOBS}/GatedTask", **parameters)

    dropped = data(requests.delete(f"{stack.url}/api/targets/{key}", timeout=30))

    assert dropped == {"key": key, "dropped": ["out.txt"]}
    refused(stack.get(url), 404)
    assert "again has begun" in stack.get(f"/api/targets/{key}/log").text
    refused(requests.delete(f"{stack.url}/api/targets/{key}", timeout=30), 404)
    explained = data(stack.get(f"/api/chains/{JOBS}/GatedTask/key?name=again"))
    assert (explained["complete"], explained["made_by_run"]) == (False, None)

    assert made(stack, f"{JOBS}/GatedTask", **parameters) == (key, url)
    assert evidence.read_text() == "again\nagain\n"
    assert "again has begun" in stack.get(f"/api/targets/{key}/log.1").text
    runs = data(stack.get("/api/runs", params={"key": key}))["runs"]
    assert [run["job_status"] for run in runs] == ["DONE", "DONE"]


def test_a_result_that_is_being_made_cannot_be_dropped(stack: Stack, tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    key = data(stack.post(f"{JOBS}/GatedTask", params={"name": "busy", "gate": gate}))["key"]
    wait_for(lambda: stack.status(key)["job_status"] == "RUNNING", "it runs")

    answer = requests.delete(f"{stack.url}/api/targets/{key}", timeout=30)

    assert "cancel it first" in refused(answer, 409)["message"]
    gate.touch()
    assert stack.ended(key)["job_status"] == "DONE"


def test_logs_and_parameters_are_not_dropped_by_name(stack: Stack) -> None:
    key, url = made(stack, f"{JOBS}/TableTask")

    refused(requests.delete(f"{stack.url}/api/targets/{key}/log", timeout=30), 400)

    assert stack.get(url).status_code == 200
