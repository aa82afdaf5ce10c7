"""Settings: what the environment may say, and what it is told when it says something else."""

from __future__ import annotations

import dataclasses
import os
from pathlib import Path

import pytest

from datanectar.errors import StartupError
from datanectar.project_file import find_project
from datanectar.settings import (
    Settings,
    available_cores,
    load,
    load_with_sources,
    rows,
    sqlite_file,
)


def test_an_empty_environment_gives_a_laptops_defaults(tmp_path: Path) -> None:
    settings = load({"DATANECTAR_PROJECT": str(tmp_path)})

    assert (settings.env, settings.bucket, settings.is_local) == ("local", "local.datanectar", True)
    assert (settings.host, settings.port, settings.on_loopback) == ("127.0.0.1", 5000, True)
    assert settings.chains == tmp_path / "code" / "chains"
    assert settings.code == tmp_path / "code"
    assert settings.local_targets == tmp_path / "local_targets"
    assert settings.database_url == f"sqlite:///{tmp_path / '.datanectar' / 'runs.db'}"
    assert settings.queue_url == f"sqlite:///{tmp_path / '.datanectar' / 'queue.db'}"
    assert settings.workers == available_cores()


def test_the_bucket_is_made_of_environment_and_project() -> None:
    settings = load({"ENV": "qa", "PROJECT_BUCKET": "datanectartest"})

    assert (settings.bucket, settings.is_local) == ("qa.datanectartest", False)


def test_the_queue_is_beside_a_run_store_on_postgresql() -> None:
    url = "postgresql://db/runs"

    assert load({"DATANECTAR_DATABASE_URL": url}).queue_url == url
    redis = {"DATANECTAR_DATABASE_URL": url, "DATANECTAR_QUEUE_URL": "redis://r"}
    assert load(redis).queue_url == "redis://r"


def test_settings_return_from_the_environment_that_they_spell(tmp_path: Path) -> None:
    settings = load(
        {
            "DATANECTAR_PROJECT": str(tmp_path / "a folder"),
            "DATANECTAR_PRELOAD": "json, csv",
            "DATANECTAR_TOKENS": "secret:read other",
            "DATANECTAR_RETRY_DELAY": "0.25",
            "DATANECTAR_PORT": "0",
        }
    )

    assert settings.preload == ("json", "csv")
    assert load(settings.environ()) == settings
    assert load({**os.environ, **settings.environ()}) == settings


BAD = {
    "DATANECTAR_PORT": ["x", "-1", "5000.5", "0x1388"],
    "DATANECTAR_WORKERS": ["0", "-3", "two", "1.5"],
    "DATANECTAR_MAX_ATTEMPTS": ["0"],
    "DATANECTAR_GRACE": ["-1", "soon", "nan", "inf", "1s"],
    "DATANECTAR_HEARTBEAT_TIMEOUT": ["nan", "-0.1"],
}


@pytest.mark.parametrize(("name", "text"), [(n, t) for n, ts in BAD.items() for t in ts])
def test_a_value_that_cant_be_used_is_named_with_its_variable(name: str, text: str) -> None:
    with pytest.raises(StartupError) as problem:
        load({name: text})

    assert name in problem.value.message
    assert repr(text) in problem.value.message
    assert list(problem.value.fields) == [name]


def test_all_bad_values_are_named_at_once() -> None:
    with pytest.raises(StartupError) as problem:
        load({"DATANECTAR_PORT": "x", "DATANECTAR_WORKERS": "0"})

    assert sorted(problem.value.fields) == ["DATANECTAR_PORT", "DATANECTAR_WORKERS"]


def test_an_empty_variable_is_no_variable() -> None:
    assert load({"DATANECTAR_PORT": "", "ENV": ""}) == load({})


LOOPBACK = ["127.0.0.1", "127.9.9.9", "localhost", "::1"]
ELSEWHERE = ["0.0.0.0", "::", "10.0.0.1", "localhost.evil.example", "127.evil.example", "::1234"]


@pytest.mark.parametrize("host", LOOPBACK + ELSEWHERE)
def test_only_loopback_counts_as_loopback(host: str) -> None:
    assert load({"DATANECTAR_HOST": host}).on_loopback is (host in LOOPBACK)


def test_the_project_is_the_nearest_folder_upwards_that_holds_chains(tmp_path: Path) -> None:
    (tmp_path / "code" / "chains" / "etl").mkdir(parents=True)

    assert find_project(tmp_path / "code" / "chains" / "etl") == tmp_path
    assert find_project(tmp_path) == tmp_path
    assert find_project(Path("/")) == Path("/")


def test_every_setting_has_a_variable_of_its_own_and_a_word_of_help() -> None:
    described = rows()

    assert len({variable for variable, _, _ in described}) == len(dataclasses.fields(Settings))
    assert all(help for _, _, help in described)
    assert {v for v, _, _ in described if not v.startswith("DATANECTAR_")} == {
        "ENV",
        "PROJECT_BUCKET",
    }


# --- a project's own file ------------------------------------------------------------------------


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


def test_a_files_relative_sqlite_url_begins_at_its_folder(tmp_path: Path) -> None:
    settings = load(written(tmp_path, 'database_url = "sqlite:///data/runs.db"'))

    assert sqlite_file(settings.database_url) == tmp_path / "data" / "runs.db"


# --- values that make no sense -------------------------------------------------------------------

NO_SENSE = {
    "DATANECTAR_HEARTBEAT_TIMEOUT": ["0", "0.5", "1e400", "-1", "1e12"],
    "DATANECTAR_IMPORT_TIMEOUT": ["0", "1e400", "nan"],
    "DATANECTAR_RUN_TIMEOUT": ["0", "1e300"],
    "DATANECTAR_GRACE": ["1e10", "1e400"],
    "DATANECTAR_RETRY_DELAY": ["1e10"],
    "DATANECTAR_KEEP_RUNS_DAYS": ["1e10", "nan"],
    "DATANECTAR_LOG_SHIP_INTERVAL": ["0"],
    "DATANECTAR_PORT": ["65536", "70000", "9" * 5000],
    "DATANECTAR_WEB_THREADS": ["1000000"],
    "DATANECTAR_WORKERS": ["1000000"],
    "DATANECTAR_PROJECT": ["~nosuchuser/x", "~nosuchuser"],
    "DATANECTAR_STATE": ["~nosuchuser/x"],
    "DATANECTAR_LUIGID_URL": ["http://127.0.0.1:70000", "127.0.0.1:8082", "http://", "ftp://x"],
}


@pytest.mark.parametrize(("name", "text"), [(n, t) for n, ts in NO_SENSE.items() for t in ts])
def test_a_value_that_makes_no_sense_is_refused_in_words(name: str, text: str) -> None:
    """Fault 3.22."""
    with pytest.raises(StartupError) as problem:
        load({name: text})

    assert list(problem.value.fields) == [name]


@pytest.mark.parametrize(
    "text", [",", " ", ", ,", "aaaa aaaa", "aaaa:read,aaaa:admin", "aaaa aaaa:run"]
)
def test_tokens_that_are_none_or_given_twice_are_refused_and_not_shown(text: str) -> None:
    """Fault 4.11."""
    with pytest.raises(StartupError) as problem:
        load({"DATANECTAR_TOKENS": text})

    assert list(problem.value.fields) == ["DATANECTAR_TOKENS"]
    assert "aaaa" not in problem.value.message


def test_a_password_in_a_url_is_not_shown(tmp_path: Path) -> None:
    with pytest.raises(StartupError) as problem:
        load(written(tmp_path, 'database_url = ["postgresql://me:hunter2@db"]'))

    assert "hunter2" not in problem.value.message


# --- folders with odd names ----------------------------------------------------------------------

ODD_NAMES = [
    "what?1",
    "100%",
    "a%20b",
    "a#b",
    "a@b:c",
    "two words",
    "ä?ö",
    "a&b=c+d",
    "%(here)s",
    "'q\"",
    "$HOME",
]


@pytest.mark.parametrize("name", ODD_NAMES)
def test_a_sqlite_url_leads_back_to_its_file(name: str) -> None:
    """Fault 3.8."""
    settings = load({"DATANECTAR_PROJECT": f"/x/{name}"})

    assert sqlite_file(settings.database_url) == Path("/x") / name / ".datanectar" / "runs.db"
    assert sqlite_file(settings.queue_url) == Path("/x") / name / ".datanectar" / "queue.db"
    assert load(settings.environ()) == settings


def test_the_app_is_where_host_and_port_say() -> None:
    def url(host: str) -> str:
        return load({"DATANECTAR_HOST": host, "DATANECTAR_PORT": "81"}).app_url

    assert url("127.0.0.1") == url("0.0.0.0") == url("::") == "http://localhost:81"
    assert url("10.1.2.3") == "http://10.1.2.3:81"
    assert url("::1") == "http://[::1]:81"
