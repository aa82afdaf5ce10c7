"""Settings on the command line: ``config``, the project's file, and what can't be used."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.command_line import command, in_project
from tests.servers.stack import Stack


@pytest.mark.parametrize("deep", ["", "code/chains/basic"])
def test_a_command_talks_to_the_app_of_the_project_that_it_stands_in(
    stack: Stack, deep: str
) -> None:
    """Fault 3.21: ``datanectar run`` looks at its project's port; ``DATANECTAR_URL`` still wins."""
    (stack.project / "datanectar.toml").write_text(f"port = {stack.port}\n")
    folder = stack.project / deep

    done = in_project(folder, "run", "basic/plain_chain/GreetTask", "name=here")

    assert done.returncode == 0, done.stderr
    assert f":{stack.port}/" in done.stdout
    elsewhere = {"DATANECTAR_URL": "http://127.0.0.1:1"}
    done = in_project(folder, "run", "basic/plain_chain/GreetTask", "name=x", **elsewhere)
    assert "No datanectar app answers at http://127.0.0.1:1" in done.stderr


def test_settings_says_where_each_value_comes_from(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text("[tool.datanectar]\nport = 5777\nworkers = 3\n")

    done = in_project(tmp_path, "settings", DATANECTAR_WORKERS="5")

    assert done.returncode == 0, done.stderr
    file = f"{tmp_path / 'pyproject.toml'} [tool.datanectar]"
    assert f"in force: 5777\n    from: {file}\n" in done.stdout
    assert "in force: 5\n    from: environment\n" in done.stdout
    assert "in force: 127.0.0.1\n    from: default\n" in done.stdout


@pytest.mark.parametrize("arguments", [["up"], ["web"], ["run", "a/b_chain/CTask"], ["settings"]])
def test_a_file_that_can_not_be_used_is_one_line_and_2(
    tmp_path: Path, arguments: list[str]
) -> None:
    (tmp_path / "datanectar.toml").write_text("prot = 1\n")

    done = in_project(tmp_path, *arguments)

    assert done.returncode == 2
    (line,) = done.stderr.splitlines()
    assert f"prot in {tmp_path / 'datanectar.toml'} is no setting; did you mean port?" in line


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("DATANECTAR_PROJECT", "~nosuchuser/x", "there is no user 'nosuchuser'"),
        ("DATANECTAR_PORT", "70000", "a whole number from 0 to 65535"),
        ("DATANECTAR_LUIGID_URL", "http://127.0.0.1:70000", "with a port up to 65535"),
        ("DATANECTAR_TOKENS", ",", "names no token"),
        ("DATANECTAR_HEARTBEAT_TIMEOUT", "0", "a number from 1 to"),
    ],
)
def test_settings_that_were_tracebacks_or_taken_are_words(
    stack: Stack, name: str, text: str, words: str
) -> None:
    """Faults 3.22 and 4.11."""
    done = command(stack, "up", **{name: text})

    assert done.returncode == 2
    (line,) = done.stderr.splitlines()
    assert name in line
    assert words in line


def test_settings_lists_every_variable(stack: Stack) -> None:
    done = command(stack, "settings")

    assert done.returncode == 0
    assert "DATANECTAR_PORT\n    the app's port\n    default: 5000\n" in done.stdout


def test_settings_shows_what_is_in_force_but_no_secret(stack: Stack) -> None:
    done = command(
        stack,
        "settings",
        DATANECTAR_PORT="5123",
        DATANECTAR_TOKENS="hunter2:read",
        DATANECTAR_QUEUE_URL="redis://:hunter2@queue/0",
        DATANECTAR_DATABASE_URL="postgresql://me:hun/ter2@db/runs?password=hunter2",
    )

    assert "in force: 5123\n" in done.stdout
    assert "in force: redis://:***@queue/0\n" in done.stdout
    assert "in force: postgresql://me:***@db/runs?password=***\n" in done.stdout
    assert "ter2" not in done.stdout


def test_a_typo_in_a_settings_name_is_told(stack: Stack, tmp_path: Path) -> None:
    done = command(stack, "up", DATANECTAR_PROT="1", DATANECTAR_PROJECT=str(tmp_path))

    assert "DATANECTAR_PROT is no setting; did you mean DATANECTAR_PORT?" in done.stderr


def test_config_shows_single_settings_by_either_name(tmp_path: Path) -> None:
    (tmp_path / "datanectar.toml").write_text("port = 5777\n")

    done = in_project(tmp_path, "config", "port", "DATANECTAR_TOKENS", "--json",
                      DATANECTAR_TOKENS="hush-hush-hush-hush:read")  # fmt: skip

    port, tokens = json.loads(done.stdout)
    assert port["name"] == "port"
    assert port["value"] == "5777"
    assert port["source"] == str(tmp_path / "datanectar.toml")
    assert tokens["value"] == "***"
    assert "hush" not in done.stdout


def test_config_refuses_a_name_that_is_none(tmp_path: Path) -> None:
    done = in_project(tmp_path, "config", "prot")

    assert (done.returncode, done.stdout) == (2, "")
    assert "prot is no setting; did you mean port?" in done.stderr


def test_settings_is_another_name_of_config(tmp_path: Path) -> None:
    one, other = in_project(tmp_path, "config"), in_project(tmp_path, "settings")

    assert one.returncode == 0
    assert one.stdout == other.stdout
