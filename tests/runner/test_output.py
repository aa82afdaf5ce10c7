"""Where output goes; in processes of their own, since a test's descriptors are pytest's."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest


def run(code: str, *arguments: object) -> str:
    """Run Python code; return what it shows."""
    program = f"import os, sys, pathlib\nfrom datanectar.runner import output\n{code}"
    result = subprocess.run(
        [sys.executable, "-c", program, *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    return result.stdout + result.stderr


def test_muted_output_is_seen_nowhere() -> None:
    assert run("output.mute(); print('x', flush=True); os.system('echo y')") == ""


@pytest.mark.skipif(sys.platform != "linux", reason="memfd_create is Linux's")
@pytest.mark.parametrize("then", ["", "output.drop_captured()\n"])
def test_captured_output_begins_the_log_unless_it_is_dropped(tmp_path: Path, then: str) -> None:
    log = tmp_path / "log"
    code = (
        "output.capture(); print('import'); os.system('echo shell')\n"
        f"{then}"
        "output.begin(pathlib.Path(sys.argv[1]), 0o600); print('run')\n"
    )

    assert run(code, log) == ""

    captured = [] if then else ["import", "shell"]
    assert sorted(log.read_text().split()) == sorted([*captured, "run"])
    assert log.stat().st_mode & 0o777 == 0o600


@pytest.mark.skipif(sys.platform != "linux", reason="memfd_create is Linux's")
def test_captured_output_is_cut(tmp_path: Path) -> None:
    log = tmp_path / "log"
    code = (
        "output.MOST_CAPTURED = 100\n"
        "output.capture(); print('x' * 1000, flush=True); output.trim_captured()\n"
        "output.begin(pathlib.Path(sys.argv[1]), 0o600)\n"
    )

    run(code, log)

    assert log.read_text() == f"{'x' * 100}\n[the rest of what the import printed is left out]\n"


def test_a_block_has_its_own_file_and_whatever_it_closes_is_open_again(tmp_path: Path) -> None:
    log = tmp_path / "log"
    code = (
        "print('before')\n"
        "with output.appended_to(pathlib.Path(sys.argv[1]), 0o644):\n"
        "    print('within'); sys.stdout.close()\n"
        "print('after')\n"
    )

    assert run(code, log).split() == ["before", "after"]
    assert log.read_text() == "within\n"
