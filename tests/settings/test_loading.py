"""Loading: what the environment may say, and what it is told when it says something else."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from datanectar.cores import available_cores
from datanectar.errors import StartupError
from datanectar.settings import load


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


def test_the_queue_is_beside_a_run_store_on_postgresql() -> None:
    url = "postgresql://db/runs"

    assert load({"DATANECTAR_DATABASE_URL": url}).queue_url == url
    redis = {"DATANECTAR_DATABASE_URL": url, "DATANECTAR_QUEUE_URL": "redis://r"}
    assert load(redis).queue_url == "redis://r"


BAD = {
    "DATANECTAR_TASK_MEMORY": ["2 gb", "2", "much"],
    "DATANECTAR_TASK_CPU_TIME": ["-1", "soon"],
    "DATANECTAR_TASK_PROCESSES": ["3", "-1", "1.5"],
    "DATANECTAR_TASK_OPEN_FILES": ["63", "many"],
    "DATANECTAR_TASK_NICE": ["-1", "20"],
    "DATANECTAR_OOM_SCORE_ADJ": ["-1", "1001"],
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


def test_an_empty_variable_is_no_variable() -> None:
    assert load({"DATANECTAR_PORT": "", "ENV": ""}) == load({})


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
