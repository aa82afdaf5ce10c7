"""The group of commands: its help, its version, and how quick both are."""

from __future__ import annotations

import subprocess
import sys
from importlib.metadata import version

import pytest
from click.testing import CliRunner

from datanectar.cli.main import COMMANDS, cli
from tests.cli.command_line import command
from tests.servers.stack import Stack


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_of_the_help_is_there_and_has_help_of_its_own(name: str) -> None:
    done = CliRunner().invoke(cli, [name, "--help"])

    assert done.exit_code == 0, done.output
    assert done.output.startswith(f"Usage: cli {name} [OPTIONS]")


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


@pytest.mark.parametrize("arguments", [["nonsense"], ["run", "--nonsense"], []])
def test_what_is_no_command_ends_with_2(stack: Stack, arguments: list[str]) -> None:
    done = command(stack, *arguments)

    assert done.returncode == 2
    assert "Traceback" not in done.stderr
