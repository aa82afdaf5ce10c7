"""The runner of console sessions notices what a page should not show."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.docs.blocks import Block, commands_of
from tests.docs.sessions import Shell, environment
from tests.servers.processes import is_running, wait_for


@pytest.fixture
def shell(tmp_path: Path) -> Iterator[Shell]:
    with Shell(tmp_path, {"http://localhost:5000": "http://a:1"}, environment(tmp_path)) as shell:
        yield shell


def play(shell: Shell, session: str) -> None:
    shell.run(commands_of(Block("console", session, None, 1)))


@pytest.mark.parametrize(
    "session",
    [
        "$ echo one; echo two\none\ntwo\n",
        "$ echo one; echo two\n...\n",
        "$ echo 2026-11-28T05:16:19.047+00:00 x\n2020-01-01 00:00:00 x\n",
        "$ echo http://localhost:5000/a\nhttp://localhost:5000/a\n",
        "$ false\n[exit code 1]\n$ true\n",
        "$ mkdir a && cd a\n$ pwd\n.../a\n",
        "$ echo silent\n",
    ],
)
def test_a_session_that_shows_what_is_passes(shell: Shell, session: str) -> None:
    play(shell, session)


@pytest.mark.parametrize(
    "session",
    [
        "$ echo one\ntwo\n",
        "$ echo one; echo two\none\n",
        "$ false\n",
        "$ false\n...\n$ echo one\ntwo\n",
        "$ no-such-command\nfound\n",
    ],
)
def test_a_session_that_shows_something_else_fails(shell: Shell, session: str) -> None:
    with pytest.raises(AssertionError):
        play(shell, session)


def test_what_a_session_exports_holds_in_the_next_one(shell: Shell) -> None:
    play(shell, "$ export COLOUR=red\n")
    play(shell, "$ echo $COLOUR\nred\n")


def test_what_runs_in_the_background_is_ended(tmp_path: Path) -> None:
    with Shell(tmp_path, {}, environment(tmp_path)) as shell:
        play(shell, "$ sleep 600 &\n$ echo $! > pid\n")
        pid = int((tmp_path / "pid").read_text())
        assert is_running(pid)
    wait_for(lambda: not is_running(pid), "it has ended")
