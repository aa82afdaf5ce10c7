"""Where the values of the settings come from: the environment, the project's file, or the default."""

from __future__ import annotations

import dataclasses
import difflib
import os
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

from datanectar.errors import StartupError
from datanectar.settings.declarations import COMPLETE, PARENTS_ONLY, Settings, field_of
from datanectar.settings.kinds import parse_folder
from datanectar.settings.project_file import nearest_project, read_project_file


def load(environ: Mapping[str, str] | None = None) -> Settings:
    """Return the settings that ``environ`` (by default the process's) and the project's file give.

    Raises:
        StartupError: naming each value that can't be used, where it is set, and why.
    """
    return load_with_sources(environ)[0]


def load_with_sources(
    environ: Mapping[str, str] | None = None,
) -> tuple[Settings, dict[str, str]]:
    """Return what :func:`load` returns, and where each value comes from, by the field's name.

    A source is ``environment``, the file's name, or ``default``.

    Raises:
        StartupError: as :func:`load`.
    """
    environ = os.environ if environ is None else environ
    file = _project_file(environ)
    values: dict[str, Any] = {}
    sources: dict[str, str] = {}
    problems = file.unknown_names()
    for field in dataclasses.fields(Settings):
        name, variable, kind = field.name, field.metadata["variable"], field.metadata["kind"]
        sources[name], place, raw = "environment", variable, environ.get(variable, "")
        is_of_file = not raw and name in file.values
        if is_of_file:
            sources[name], place, raw = file.name, f"{name} in {file.name}", file.values[name]
        try:
            text = kind.file_text(raw, file.folder) if is_of_file else raw
            values[name] = kind.parse(text) if text else _default(field, values)
            if not text:
                sources[name] = "default"
        except ValueError as problem:
            problems[place] = _described(variable, raw, problem)
            values[name] = _default(field, values)  # defaults of other settings may need it
    if problems:
        listed = "; ".join(f"{name} is {why}" for name, why in problems.items())
        raise StartupError(f"These settings can't be used: {listed}.", fields=problems)
    return Settings(**values), sources


def _default(field: dataclasses.Field[Any], values: dict[str, Any]) -> Any:
    default = field.metadata["default"]
    return default(values) if callable(default) else default


def _described(variable: str, raw: Any, problem: ValueError) -> str:
    """Return why a value can't be used, with the value unless it may hold a token or a password."""
    return f"{'not usable' if variable in PARENTS_ONLY else repr(raw)}: {problem}"


@dataclasses.dataclass(frozen=True)
class _ProjectFile:
    """The settings file that counts: its name for a reader, what it holds, and its folder."""

    name: str = ""
    values: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    folder: Path = Path()

    def unknown_names(self) -> dict[str, str]:
        """Return the names in the file that are no settings, each with the one that may be meant."""
        known = [field.name for field in dataclasses.fields(Settings) if field.name != "project"]
        unknown = {}
        for name in self.values.keys() - known:
            meant = name.lower().removeprefix("datanectar_")
            near = difflib.get_close_matches(meant, known, 1)
            hint = f"; did you mean {near[0]}?" if near else "; `datanectar settings` lists what is"
            unknown[f"{name} in {self.name}"] = f"no setting{hint}"
        return unknown


def _project_file(environ: Mapping[str, str]) -> _ProjectFile:
    """Return the settings file that counts; an empty one when the environment has all settings."""
    if environ.get(COMPLETE):
        return _ProjectFile()
    try:
        text = environ.get("DATANECTAR_PROJECT", "")
        project = parse_folder(text) if text else nearest_project()
    except ValueError:  # reported with the other settings
        return _ProjectFile()
    return _ProjectFile(*read_project_file(project), project)


_kept: Settings | None = None


def keep(settings: Settings) -> None:
    """Make these what :func:`current` returns, also after an edit of the file."""
    global _kept
    _kept = settings
    current.cache_clear()


@lru_cache(maxsize=1)
def current() -> Settings:
    """Return this process's settings: those that it keeps, else those of its environment, read once."""
    return _kept or load()


def is_configured(variable: str) -> bool:
    """Tell whether a setting's variable, or its name in the project's file, is set."""
    return load_with_sources()[1][field_of(variable)] != "default"
