"""luigid as ``datanectar up`` starts it: its files, its errors, and the project's resources."""

from __future__ import annotations

import stat
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import requests

from datanectar.luigid.client import Luigid
from datanectar.luigid.launch import command
from tests.servers.processes import wait_for
from tests.servers.stack import Stack


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Any:
    stack = Stack(tmp_path_factory.mktemp("running"))
    try:
        stack.start_luigid()
        yield stack
    finally:
        stack.close()


def test_what_luigid_can_not_do_is_said(running: Stack) -> None:
    running.luigid.call("add_worker", worker="w", info={})
    answer = requests.get(f"{running.luigid_url_with_token}/api/add_task", timeout=30)

    assert answer.status_code == 500
    assert answer.text.startswith("AssertionError")


def test_the_token_is_this_users_alone_and_in_no_command(running: Stack) -> None:
    file = running.settings.state / "luigid.token"
    token = file.read_text()

    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert len(token) >= 32
    assert token not in " ".join(command(running.settings))
    pid = running.processes["luigid"].pid
    if Path("/proc").is_dir():
        assert token not in Path(f"/proc/{pid}/environ").read_text()
        assert token not in Path(f"/proc/{pid}/cmdline").read_text()


def test_the_documented_command_makes_folder_and_token(
    make_stack: Callable[..., Stack],
) -> None:
    stack = make_stack()
    state = stack.settings.state
    assert not state.exists()
    where = ["--address", "127.0.0.1", "--port", str(stack.luigid_port), "--state", str(state)]

    stack.spawn("luigid", [sys.executable, "-m", "datanectar.luigid.server", *where])

    wait_for(stack.luigid.check, "luigid answers")
    assert stack.luigid.accepts_changes()
    assert not Luigid(stack.luigid_url).accepts_changes()
    assert stat.S_IMODE(state.stat().st_mode) == 0o700


def total(stack: Stack) -> dict[str, int]:
    return {each["name"]: each["num_total"] for each in stack.luigid.call("resource_list")}


def test_resources_follow_the_projects_file(
    make_stack: Callable[..., Stack], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """fault 1.6"""
    stack, own = make_stack(), tmp_path / "own.cfg"
    monkeypatch.setenv("LUIGI_CONFIG_PATH", str(own))
    file = stack.settings.code / "luigi.cfg"
    file.write_text("[resources]\ncard = 2\n")
    stack.start_luigid()
    assert total(stack) == {"card": 2}

    file.write_text("[resources]\ncard = three\n")
    wait_for(
        lambda: total(stack) and "[resources] can't be read" in stack.output("luigid"),
        "the typo is told",
    )
    assert total(stack) == {"card": 2}
    file.write_text("[resources]\ncard = 4\n[Other]\nx = %(nothing\n")
    wait_for(lambda: total(stack) == {"card": 4}, "the edit counts")
    own.write_text("[resources]\ncard = 5\ndisk = 1\n")
    wait_for(lambda: total(stack) == {"card": 5, "disk": 1}, "the file of LUIGI_CONFIG_PATH counts")
    file.unlink()
    own.unlink()
    wait_for(lambda: total(stack) == {}, "nothing is left")
