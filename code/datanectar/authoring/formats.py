"""How a value becomes a file and a file a value, by the file's suffix."""

from __future__ import annotations

import json
import pickle
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path, PurePath
from typing import IO, Any

from datanectar.authoring import frames
from datanectar.keys import is_path_in_folder

TEXTS = (".txt", ".md", ".html", ".xml", ".yaml", ".yml", ".toml", ".sql", ".log")
FIGURES = (".png", ".svg", ".pdf", ".jpg", ".jpeg")
PICKLES = (".pkl", ".pickle")

_PICKLE_OPTIONS = (
    "A pickle can run any code when it is loaded, and may not load with other versions of the "
    "libraries. Where that is meant, say so: save(value, pickle=True) and load(pickle=True)."
)

Writer = Callable[[Any, str], None]


def write(value: Any, suffix: str, path: str, *, pickled: bool) -> None:
    """Write a value to a file.

    Args:
        value: bytes go to a file of any suffix as they are; else the suffix decides.
        suffix: of the result's file, in small letters; the path's own may be another.
        path: the file to write.
        pickled: whether the author allows a pickle.

    Raises:
        TypeError: when a file of this suffix does not take such a value; it says which it takes.
        ValueError: when it takes the value's type but not the value, such as NaN in JSON.
    """
    _writer(value, suffix, pickled)(value, path)


def write_folder(value: Any, folder: str, *, pickled: bool) -> None:
    """Write values to files in a folder, or copy what another folder holds.

    Args:
        value: values by path, ``{"2026/sums.json": {...}}``, each written by its suffix; or the path
            of a folder.
        folder: where to.
        pickled: whether the author allows pickles.

    Raises:
        TypeError, ValueError: as :func:`write`, with the file's path.
    """
    if isinstance(value, str | PurePath) and Path(value).is_dir():
        shutil.copytree(value, folder, symlinks=True, dirs_exist_ok=True)
        return
    if not isinstance(value, Mapping):
        wanted = "values by path, {'a.csv': frame, 'b/c.json': [1, 2]}, or the path of a folder"
        raise TypeError(f"a folder takes {wanted}, and was given a {_type_name(value)}")
    for path, each in value.items():
        if not isinstance(path, str) or not is_path_in_folder(path):
            raise ValueError(f"{path!r} is not the path of a file in the folder")
        (Path(folder) / path).parent.mkdir(parents=True, exist_ok=True)
        try:
            write(each, PurePath(path).suffix.lower(), f"{folder}/{path}", pickled=pickled)
        except (TypeError, ValueError) as problem:
            kind = TypeError if isinstance(problem, TypeError) else ValueError
            raise kind(f"{path}: {problem}") from problem


def read(stream: IO[bytes], suffix: str, *, library: str | None, pickled: bool) -> Any:
    """Return the value in a file: its bytes when the suffix says nothing else.

    Args:
        stream: the file; it can seek.
        suffix: the file's, in small letters.
        library: whose DataFrame to return, ``pandas`` or ``polars``; None: what is installed.
        pickled: whether the author allows a pickle to be loaded.

    Raises:
        TypeError: for a pickle that is not allowed.
        ImportError: when a library is missing; it says what to install.
    """
    if suffix in frames.SUFFIXES:
        return frames.read(stream, suffix, library)
    if suffix == ".json":
        return json.load(stream)
    if suffix == ".jsonl":
        return [json.loads(line) for line in stream if line.strip()]
    if suffix in TEXTS:
        return stream.read().decode()
    if suffix in PICKLES:
        if not pickled:
            raise TypeError(_PICKLE_OPTIONS)
        return pickle.load(stream)  # noqa: S301  # the author says so
    return stream.read()


def _writer(value: Any, suffix: str, pickled: bool) -> Writer:
    if suffix in PICKLES:
        if not pickled:
            raise TypeError(_PICKLE_OPTIONS)
        return _write_pickle
    if isinstance(value, bytes | bytearray | memoryview):
        return _write_bytes
    if suffix == ".json":
        return _write_json
    if suffix == ".jsonl" and not isinstance(value, str | dict):
        return _write_json_lines
    if isinstance(value, str) and (suffix in TEXTS or suffix == ".csv"):
        return _write_text
    if suffix in frames.SUFFIXES and frames.library_of(value):
        return lambda frame, path: frames.write(frame, suffix, path)
    if suffix in FIGURES and callable(getattr(value, "savefig", None)):
        return lambda figure, path: figure.savefig(path, format=suffix[1:])
    raise TypeError(f"it takes {_taken(suffix)}, and was given a {_type_name(value)}")


def _taken(suffix: str) -> str:
    """Return what a file of this suffix takes, in words."""
    if suffix in frames.SUFFIXES:
        return f"a DataFrame of pandas or polars{', text' if suffix == '.csv' else ''} or bytes"
    if suffix in FIGURES:
        return "a matplotlib Figure or bytes"
    if suffix in TEXTS:
        return "text or bytes"
    if suffix == ".jsonl":
        return "a list or other iterable of values that JSON has, one a line, or bytes"
    return "bytes alone: its suffix names no format that save() writes"


def _type_name(value: Any) -> str:
    cls = type(value)
    module = "" if cls.__module__ == "builtins" else f"{cls.__module__}."
    return f"{module}{cls.__qualname__}"


def _write_bytes(data: bytes, path: str) -> None:
    Path(path).write_bytes(data)


def _write_text(text: str, path: str) -> None:
    with Path(path).open("w", encoding="utf-8", newline="") as file:
        file.write(text)


def _write_json(value: Any, path: str) -> None:
    _write_json_lines([value], path)


def _write_json_lines(values: Any, path: str) -> None:
    with Path(path).open("w", encoding="utf-8") as file:
        for value in values:
            file.write(json.dumps(value, ensure_ascii=False, allow_nan=False) + "\n")


def _write_pickle(value: Any, path: str) -> None:
    with Path(path).open("wb") as file:
        pickle.dump(value, file)
