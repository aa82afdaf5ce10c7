"""The state folder's disk is full: what was accepted survives, the rest is refused with the reason."""

from __future__ import annotations

import contextlib
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.servers.evidence import FAULTY, Evidence
from tests.servers.processes import wait_for
from tests.servers.stack import Stack, copy_catalogue


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 8 MiB of its own."""
    folder = tmp_path / "state"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=8m,mode=700", "tmpfs", str(folder)]
    if os.geteuid() != 0 or subprocess.run(mount, capture_output=True).returncode != 0:
        pytest.skip("only root can mount a small disk")
    yield folder
    subprocess.run(["umount", "--lazy", str(folder)], check=True)


@pytest.fixture
def evidence(tmp_path: Path) -> Evidence:
    (tmp_path / "evidence").mkdir()
    return Evidence(tmp_path / "evidence")


@pytest.fixture
def stack(tmp_path: Path, disk: Path, evidence: Evidence) -> Iterator[Stack]:
    environ = {
        "DATANECTAR_STATE": str(disk),
        "DATANECTAR_WORKERS": "1",
        "FAULTS_EVIDENCE": str(evidence.folder),
    }
    stack = Stack(tmp_path / "project", environ=environ)
    copy_catalogue(stack.project)
    try:
        yield stack.start()
    finally:
        stack.close()


def fill(ballast: Path) -> None:
    with contextlib.suppress(OSError), ballast.open("ab", buffering=0) as file:
        while True:
            file.write(bytes(1024))


def test_accepted_runs_survive_a_full_state_disk_and_a_post_is_refused(
    stack: Stack, disk: Path, evidence: Evidence
) -> None:
    accepted = [
        stack.client.post(f"{FAULTY}/WorkTask", name=f"early-{n}", seconds=1) for n in range(3)
    ]
    ballast = disk / "ballast"

    def refused() -> str | None:
        fill(ballast)
        name = f"late-{len(accepted)}"
        response = stack.post(f"{FAULTY}/WorkTask", json={"name": name, "seconds": 0})
        if response.status_code == 200:  # SQLite's files had room left
            accepted.append(response.json()["data"])
            return None
        assert response.status_code == 503
        return str(response.json()["message"])

    assert "full" in str(wait_for(refused, "a POST is refused"))
    wait_for(lambda: evidence.lines("end"), "a run's work ends while the disk is full")
    ballast.unlink()

    ends = [stack.ended(str(run["key"])) for run in accepted]
    assert {end["job_status"] for end in ends} == {"DONE"}
    runs = stack.get("/api/runs?task=WorkTask").json()["data"]["runs"]
    assert {run["id"] for run in runs} == {run["run_id"] for run in accepted}
    assert stack.run(f"{FAULTY}/WorkTask", name="after")["job_status"] == "DONE"
