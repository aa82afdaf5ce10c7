"""A chain imported into the test's own process, as a developer at a prompt would."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType

import luigi
import pytest

from datanectar import settings
from datanectar.keys import RUN_TIME_VARIABLE


@contextmanager
def imported(
    source: str, name: str, project: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[ModuleType]:
    """Give the module of a chain in a project of its own; then all is as it was."""
    folder = project / "code" / "chains" / "etl"
    folder.mkdir(parents=True)
    (folder / f"{name}.py").write_text(source)
    monkeypatch.setenv("DATANECTAR_PROJECT", str(project))
    monkeypatch.setenv("ENV", "local")
    monkeypatch.setenv(RUN_TIME_VARIABLE, "2016-06-03T12:00:00")
    monkeypatch.syspath_prepend(str(project / "code"))
    settings.current.cache_clear()
    registered = list(luigi.task_register.Register._reg)
    try:
        yield importlib.import_module(f"chains.etl.{name}")
    finally:
        luigi.task_register.Register._reg[:] = registered
        for module in [known for known in sys.modules if known.partition(".")[0] == "chains"]:
            del sys.modules[module]
        settings.current.cache_clear()
