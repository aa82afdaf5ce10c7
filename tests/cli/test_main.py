"""The group of commands: its help, its version, and how quick both are."""

from __future__ import annotations

import subprocess
import sys
import time
from importlib.metadata import version

import click
import pytest

from datanectar.cli.main import COMMANDS, cli


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_a_line_in_the_help_that_its_own_help_begins_with(name: str) -> None:
    command = cli.get_command(click.Context(cli), name)

    assert command is not None
    assert command.callback is not None
    doc = " ".join((command.callback.__doc__ or "").split())
    first = COMMANDS[name][1].rstrip(".").split(",")[0].split(":")[0]
    assert name == "settings" or doc.startswith(first.split(" that ")[0]), doc


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "datanectar", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=60)


def test_help_names_the_commands_and_the_exit_codes() -> None:
    done = run("--help")

    assert done.returncode == 0
    assert all(f"\n  {name} " in done.stdout for name in COMMANDS)
    assert "130  Ctrl-C" in done.stdout


def test_version_is_the_packages() -> None:
    assert run("--version").stdout == f"datanectar {version('datanectar')}\n"


def test_help_loads_none_of_the_commands() -> None:
    code = (
        "import sys\n"
        "from datanectar.cli.main import cli\n"
        "cli.main(['--help'], standalone_mode=False)\n"
        "print(sorted(name for name in sys.modules if name.startswith('datanectar')))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)

    loaded = set(eval(done.stdout.splitlines()[-1]))
    ours = {"cli", "cli.main", "cli.exit_codes", "cli.terminal", "errors"}
    assert loaded == {"datanectar"} | {f"datanectar.{name}" for name in ours}


def test_help_is_quick() -> None:
    """150 ms beyond what Python itself takes, at the best of several tries."""

    def seconds(*command: str) -> float:
        began = time.perf_counter()
        subprocess.run([sys.executable, *command], capture_output=True, check=True)
        return time.perf_counter() - began

    taken = min(seconds("-m", "datanectar", "--help") for _ in range(7))
    bare = min(seconds("-c", "pass") for _ in range(7))
    assert taken - bare < 0.15
