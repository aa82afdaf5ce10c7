"""Settings: what the environment may say, and what it is told when it says something else."""

from __future__ import annotations

import dataclasses
import os
from pathlib import Path

import pytest

from datanectar.errors import StartupError
from datanectar.projectfile import find_project
from datanectar.settings import Settings, available_cores, load, rows


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
