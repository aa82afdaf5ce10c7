"""Which engine runs a task."""

from __future__ import annotations

import luigi
import pytest

from datanectar import NectarTask
from datanectar import settings as all_settings
from datanectar.engines.base import is_for
from datanectar.errors import ChainError


def made(base: type[luigi.Task] = NectarTask, **attributes: object) -> luigi.Task:
    own = {"__module__": "stray", "run": lambda self: None, **attributes}
    return type("PlacedTask", (base,), own)()


@pytest.fixture(params=["processes", "dask"])
def default(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("DATANECTAR_ENGINE", request.param)
    all_settings.current.cache_clear()
    request.addfinalizer(all_settings.current.cache_clear)
    return str(request.param)


def test_a_class_that_says_nothing_runs_where_the_setting_says(default: str) -> None:
    assert is_for(default, made()) and is_for(default, made(luigi.Task))


def test_a_class_that_names_one_runs_there(default: str) -> None:
    assert is_for("dask", made(engine="dask"))
    assert is_for("processes", made(engine="processes"))


def test_a_task_that_only_looks_or_answers_luigids_page_stays_near(default: str) -> None:
    assert not is_for("dask", made(engine="dask", run=None))
    assert not is_for("dask", made(engine="dask", accepts_messages=True))


def test_an_engine_that_there_is_not_is_named() -> None:
    with pytest.raises(ChainError, match="'processes' or 'dask'"):
        is_for("dask", made(engine="ray"))
