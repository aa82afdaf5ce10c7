"""A project's settings file: ``datanectar.toml``, or ``[tool.datanectar]`` in its ``pyproject.toml``.

This module finds and reads it. Which names and values it may have is in ``declarations``.
"""

from __future__ import annotations

import hashlib
import os
import sys
from pathlib import Path
from typing import Any

from datanectar.errors import StartupError

FILE = "datanectar.toml"
_SHARED_FILE = "pyproject.toml"
_TABLE = "[tool.datanectar]"
#: The header of ``/healthz`` that says whose app answers: :func:`project_id`.
PROJECT_HEADER = "Datanectar-Project"


def nearest_project() -> Path:
    """Return the project of the working directory, as :func:`find_project` finds it.

    Raises:
        StartupError: when the working directory can't be used.
    """
    try:
        return find_project(Path.cwd())
    except OSError as problem:
        raise StartupError(
            f"The folder in which this was started can't be used ({problem.strerror}): "
            "change to another one."
        ) from problem


def find_project(start: Path) -> Path:
    """Return the nearest folder at or above ``start`` that is a project, else ``start``.

    A project holds ``code/chains`` or a settings file.
    """
    for folder in (start, *start.parents):
        # pathlib raises where a folder above may not be read
        if os.path.isdir(folder / "code" / "chains") or os.path.isfile(folder / FILE):  # noqa: PTH112, PTH113
            return folder
        if _has_table(folder / _SHARED_FILE):
            return folder
    return start


def project_id(project: Path) -> str:
    """Return what tells a project from others of its machine, without its folder's name."""
    path = str(project.resolve()).encode(errors="surrogateescape")
    return hashlib.sha256(path).hexdigest()[:16]


def read_project_file(project: Path) -> tuple[str, dict[str, Any]]:
    """Return the name of a project's settings file, as messages show it, and what it holds.

    Both are empty when there is no such file.

    Raises:
        StartupError: when the file can't be read, or there are two.
    """
    own, shared = project / FILE, project / _SHARED_FILE
    values = _read(own)
    table = _read(shared).get("tool", {})
    table = table.get("datanectar") if isinstance(table, dict) else None
    if table is None:
        return (str(own), values) if own.exists() else ("", {})
    if own.exists():
        raise StartupError(
            f"{own} and {_TABLE} in {shared} both hold settings: keep one of the two."
        )
    if not isinstance(table, dict):
        raise StartupError(f"{shared}: tool.datanectar is no table; write {_TABLE}.")
    return f"{shared} {_TABLE}", table


def _has_table(file: Path) -> bool:
    try:
        return bool(_read(file).get("tool", {}).get("datanectar"))
    except (AttributeError, StartupError):  # another project's file, which may hold anything
        return False


def _read(file: Path) -> dict[str, Any]:
    try:
        text = file.read_text(encoding="utf-8-sig")
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except (OSError, UnicodeDecodeError) as problem:
        reason = getattr(problem, "strerror", None) or "it is no UTF-8 text"
        raise StartupError(f"{file} can't be read: {reason}.") from problem
    return _parse(file, text)


def _parse(file: Path, text: str) -> dict[str, Any]:
    if file.name == _SHARED_FILE and "datanectar" not in text:
        return {}  # also when it is no TOML: it is not ours
    if sys.version_info >= (3, 11):
        import tomllib
    else:
        import tomli as tomllib
    try:
        return tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as problem:
        raise StartupError(f"{file} is no TOML: {problem}.") from problem
