"""A local disk that is full, or can't be written to."""

from __future__ import annotations

import contextlib
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.servers.evidence import FAULTY, is_whole
from tests.servers.stack import Stack


@pytest.fixture(scope="module")
def disk(stack: Stack) -> Iterator[Path]:
    """The folder of the results as a disk of its own, of 256 KiB."""
    folder = stack.project / "local_targets"
    folder.mkdir(exist_ok=True)
    mount = ["mount", "-t", "tmpfs", "-o", "size=256k,mode=755", "tmpfs", str(folder)]
    if os.geteuid() != 0 or subprocess.run(mount, capture_output=True).returncode != 0:
        pytest.skip("only root can mount a small disk")
    yield folder
    subprocess.run(["umount", "--lazy", str(folder)], check=True)


@contextlib.contextmanager
def filled(disk: Path) -> Iterator[None]:
    ballast = disk / "ballast"
    with contextlib.suppress(OSError), ballast.open("wb", buffering=0) as file:
        while True:
            file.write(bytes(1024))
    try:
        yield
    finally:
        ballast.unlink()


@contextlib.contextmanager
def read_only(disk: Path) -> Iterator[None]:
    subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True)
    try:
        yield
    finally:
        subprocess.run(["mount", "-o", "remount,rw", str(disk)], check=True)


@pytest.mark.parametrize(
    ("trouble", "words"),
    [(filled, "No space left"), (read_only, "Read-only file system")],
    ids=["full", "read-only"],
)
def test_a_run_that_can_not_write_fails_in_words_and_ends_well_when_it_can(
    stack: Stack, disk: Path, trouble: object, words: str
) -> None:
    with trouble(disk):  # type: ignore[operator]
        failed = stack.run(f"{FAULTY}/WorkTask", name=words)

    assert failed["job_status"] == "FAILED"
    assert words in str(failed["error"])
    assert not stack.file(str(failed["key"])).exists()
    again = stack.run(f"{FAULTY}/WorkTask", name=words)
    assert again["job_status"] == "DONE"
    assert is_whole(stack.file(str(again["key"])))
