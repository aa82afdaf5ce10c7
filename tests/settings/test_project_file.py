"""A project's own settings file, and how a project is found."""

from __future__ import annotations

from pathlib import Path

import pytest

from datanectar.errors import StartupError
from datanectar.settings import load, load_with_sources, sqlite_file
from datanectar.settings.project_file import find_project


def test_the_project_is_the_nearest_folder_upwards_that_holds_chains(tmp_path: Path) -> None:
    (tmp_path / "code" / "chains" / "etl").mkdir(parents=True)

    assert find_project(tmp_path / "code" / "chains" / "etl") == tmp_path
    assert find_project(tmp_path) == tmp_path
    assert find_project(Path("/")) == Path("/")


def written(folder: Path, text: str, name: str = "datanectar.toml") -> dict[str, str]:
    """Write a settings file; return an environment in which it counts."""
    (folder / name).write_text(text)
    return {"DATANECTAR_PROJECT": str(folder)}


ALL_KINDS = """
env = "qa"
chains = "pipelines"
state = "/var/lib/state"
port = 5777
grace = 3
retry_delay = 0.5
preload = ["json", "csv"]
tokens = ["a-token-of-16-letters:read"]
"""


@pytest.mark.parametrize("name", ["datanectar.toml", "pyproject.toml"])
def test_a_projects_file_says_what_the_environment_does_not(tmp_path: Path, name: str) -> None:
    """Fault 3.21."""
    table = "[project]\nname = 'x'\n[tool.datanectar]\n" if name == "pyproject.toml" else ""
    environ = {**written(tmp_path, table + ALL_KINDS, name), "DATANECTAR_PORT": "5888"}

    settings, sources = load_with_sources(environ)

    assert (settings.env, settings.port, settings.grace) == ("qa", 5888, 3.0)
    assert (settings.chains, settings.state) == (tmp_path / "pipelines", Path("/var/lib/state"))
    assert (settings.retry_delay, settings.preload) == (0.5, ("json", "csv"))
    assert settings.tokens == ("a-token-of-16-letters:read",)
    assert sources["port"] == "environment"
    assert sources["grace"].startswith(str(tmp_path / name))
    assert sources["host"] == "default"
    assert load(settings.environ()) == settings


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("prot = 1", "prot in FILE is no setting; did you mean port?"),
        ("DATANECTAR_PORT = 1", "DATANECTAR_PORT in FILE is no setting; did you mean port?"),
        ('project = "/x"', "project in FILE is no setting"),
        ("[section]\nport = 1", "section in FILE is no setting"),
        ('port = "5777"', "port in FILE is '5777': it must be a whole number without quotes"),
        ("port = 5777.0", "port in FILE is 5777.0: it must be a whole number"),
        ("port = true", "port in FILE is True: it must be a whole number"),
        ("port = 70000", "port in FILE is 70000: it can be a whole number from 0 to 65535"),
        ("grace = false", "grace in FILE is False: it must be a number without quotes"),
        ("grace = nan", "grace in FILE is nan: it can be a number from 0"),
        ("retry_delay = inf", "retry_delay in FILE is inf: it can be a number from 0"),
        ("host = 127", "host in FILE is 127: it must be a text in quotes"),
        ("state = 2026-01-01", "state in FILE is datetime.date(2026, 1, 1): it must be a path"),
        ('preload = "json"', "preload in FILE is 'json': it must be a list of texts"),
        ("preload = [1]", "preload in FILE is [1]: it must be a list of texts"),
        ('preload = ["a b"]', "each of its texts must be a word without blanks and commas"),
        ('host = "a\\u0000b"', "it holds a NUL character"),
        ('tokens = ["hunter2", "hunter2"]', "entries 1 and 2 are the same token"),
        ("port = = 1", "is no TOML: Invalid value (at line 1"),
        ("port = 1\nport = 2", "is no TOML: Cannot overwrite a value (at "),
    ],
)
def test_a_line_that_cant_be_used_is_named_with_its_file(
    tmp_path: Path, text: str, words: str
) -> None:
    environ = written(tmp_path, text)

    with pytest.raises(StartupError) as problem:
        load(environ)

    assert words.replace("FILE", str(tmp_path / "datanectar.toml")) in problem.value.message
    assert "hunter2" not in problem.value.message


def test_two_files_of_one_project_are_refused(tmp_path: Path) -> None:
    written(tmp_path, "port = 1")
    environ = written(tmp_path, "[tool.datanectar]\nport = 2", "pyproject.toml")

    with pytest.raises(StartupError, match=r"both hold settings: keep one"):
        load(environ)


@pytest.mark.parametrize("text", ["", "[tool.other]\nx = 1", "tool = 1", "not TOML at all"])
def test_a_pyproject_of_other_tools_is_not_ours(tmp_path: Path, text: str) -> None:
    assert load(written(tmp_path, text, "pyproject.toml")).port == 5000


def test_files_that_are_no_text_are_words(tmp_path: Path) -> None:
    environ = written(tmp_path, "")
    (tmp_path / "datanectar.toml").write_bytes(b"port = \xff\xfe")
    with pytest.raises(StartupError, match=r"datanectar.toml can't be read: it is no UTF-8"):
        load(environ)
    (tmp_path / "datanectar.toml").write_bytes(b"\xef\xbb\xbfport = 5001\n")  # as Windows does
    assert load(environ).port == 5001
    (tmp_path / "datanectar.toml").unlink()
    (tmp_path / "datanectar.toml").mkdir()
    with pytest.raises(StartupError, match=r"datanectar.toml can't be read: Is a directory"):
        load(environ)


def test_parts_of_an_app_keep_what_the_file_said_when_it_started(tmp_path: Path) -> None:
    environ = written(tmp_path, "port = 5001\npreload = []\n")
    settings = load(environ)
    children = settings.environ_for_children({})

    written(tmp_path, 'port = "broken"\npreload = ["json"]\ntokens = ["a-token-of-16-letters"]')

    assert load(settings.environ()) == settings
    assert (load(children).port, load(children).preload, load(children).tokens) == (5001, (), ())


@pytest.mark.parametrize(
    ("name", "text"),
    [("datanectar.toml", ""), ("pyproject.toml", "[tool.datanectar]\nport = 1\n")],
)
def test_a_settings_file_makes_a_folder_a_project(tmp_path: Path, name: str, text: str) -> None:
    (tmp_path / "deep" / "down").mkdir(parents=True)
    written(tmp_path, text, name)
    (tmp_path / "deep" / "pyproject.toml").write_text("[tool.other]\n")

    assert find_project(tmp_path / "deep" / "down") == tmp_path


def test_an_empty_text_in_a_file_is_no_value(tmp_path: Path) -> None:
    settings, sources = load_with_sources(written(tmp_path, 'state = ""\npreload = []'))

    assert (settings.state, settings.preload) == (tmp_path / ".datanectar", ())
    assert (sources["state"], sources["preload"]) == ("default", "default")


def test_a_files_relative_sqlite_url_begins_at_its_folder(tmp_path: Path) -> None:
    settings = load(written(tmp_path, 'database_url = "sqlite:///data/runs.db"'))

    assert sqlite_file(settings.database_url) == tmp_path / "data" / "runs.db"


def test_a_password_in_a_url_is_not_shown(tmp_path: Path) -> None:
    with pytest.raises(StartupError) as problem:
        load(written(tmp_path, 'database_url = ["postgresql://me:hunter2@db"]'))

    assert "hunter2" not in problem.value.message
