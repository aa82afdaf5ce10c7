"""The group of commands: its help, its version, and how quick both are."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from importlib.metadata import version

import pytest
from click.testing import CliRunner

from datanectar.cli.main import COMMANDS, cli
from tests.cli.command_line import command
from tests.servers.stack import CATALOGUE, Stack


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A started stack with nothing to complain about."""
    stack = Stack(tmp_path_factory.mktemp("project"))
    for name in ("basic/plain_chain", "http/jobs_chain"):
        stack.chain(name, (CATALOGUE / f"{name}.py").read_text())
    try:
        yield stack.start()
    finally:
        stack.close()


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_of_the_help_is_there_and_has_help_of_its_own(name: str) -> None:
    done = CliRunner().invoke(cli, [name, "--help"])

    assert done.exit_code == 0, done.output
    assert done.output.startswith(f"Usage: cli {name} [OPTIONS]")


#: Those that run until they are stopped.
PROCESSES = {"up", "web", "worker", "luigid"}
#: Have commands of their own: tests/cli/access, tests/api/operations/test_webhooks.py.
GROUPS = {"user", "webhook"}


@pytest.mark.parametrize("name", [name for name in COMMANDS if name not in PROCESSES | GROUPS])
def test_every_command_that_ends_prints_json_when_asked(name: str) -> None:
    assert "--json" in CliRunner().invoke(cli, [name, "--help"]).output


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


@pytest.mark.parametrize(
    ("code", "arguments"),
    [
        (0, ["run", "basic/plain_chain/GreetTask", "name=code"]),
        (0, ["run", "basic/plain_chain/GreetTask", "name=code", "--here"]),
        (0, ["runs"]),
        (0, ["doctor"]),
        (1, ["run", "http/jobs_chain/FlakyTask", "name=code", "cure=/no/cure"]),
        (1, ["run", "http/jobs_chain/FlakyTask", "name=code", "cure=/no/cure", "--here"]),
        (1, ["drop", f"chains/basic/plain_chain/GreetTask/{'0' * 32}"]),
        (2, ["run", "basic/plain_chain/NoTask"]),
        (2, ["run", "basic/plain_chain/NoTask", "--here"]),
        (2, ["run", "basic/plain_chain/GreetTask", "nmae=x"]),
        (2, ["run", "basic/plain_chain/GreetTask", "nmae=x", "--here"]),
        (2, ["run", "GreetTask"]),
        (2, ["show", "nonsense"]),
        (2, ["cancel", "nonsense"]),
        (2, ["rerun", "nonsense"]),
        (2, ["logs", "nonsense"]),
        (2, ["graph", "nonsense"]),
        (2, ["drop", "nonsense"]),
        (2, ["runs", "--url", "http://127.0.0.1:1"]),
        (2, ["config", "nonsense"]),
        (2, ["new", "nonsense"]),
    ],
)
def test_the_exit_code_says_how_it_went(sound: Stack, code: int, arguments: list[str]) -> None:
    done = command(sound, *arguments)

    assert done.returncode == code, done.stderr
    assert "datanectar" in done.stderr or code < 2
    if code == 2:
        assert done.stdout == ""
        assert "Traceback" not in done.stderr
