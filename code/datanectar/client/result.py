"""The result of a task: its files, read over HTTP."""

from __future__ import annotations

import io
import json
import os
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any
from urllib.parse import urlsplit
from zipfile import ZipFile

import requests

from datanectar.client.transport import Transport
from datanectar.errors import BadRequest, DatanectarError, Unavailable

#: pandas' function, by the end of the file's name.
_READERS = {
    ".csv": "read_csv",
    ".feather": "read_feather",
    ".json": "read_json",
    ".parquet": "read_parquet",
}


class Result:
    """The files that a task has made.

    Every method reads the only file, or the one called ``name``.

    Args:
        transport: the connection to the app.
        ask_status: returns the status of the result's key. It is asked before each read, because
            a presigned URL expires.
    """

    def __init__(self, transport: Transport, ask_status: Callable[[], dict[str, Any]]) -> None:
        self._transport = transport
        self._ask_status = ask_status

    @property
    def names(self) -> list[str]:
        """The names of the files; a task without a result of its own has none."""
        return [file["name"] for file in self._ask_status()["results"]]

    def url(self, name: str | None = None) -> str:
        """Return the address of a file, which may be valid for some minutes only.

        Raises:
            BadRequest: when ``name`` names no file, or is left out and there are several or none.
        """
        return str(self._file(name)["url"])

    def read_bytes(self, name: str | None = None) -> bytes:
        """Return a file's content."""
        with self.open("rb", name=name) as file:
            return bytes(file.read())

    def read_text(self, name: str | None = None, *, encoding: str = "utf-8") -> str:
        """Return a file's content as text."""
        return self.read_bytes(name).decode(encoding)

    def json(self, name: str | None = None) -> Any:
        """Return the value that a JSON file holds."""
        return json.loads(self.read_bytes(name))

    def open(self, mode: str = "r", *, name: str | None = None, encoding: str = "utf-8") -> IO[Any]:
        """Return a file for reading, as text (``r``) or bytes (``rb``), downloaded whole.

        Up to 16 MiB are held in memory, more in a temporary file that is gone when it is closed.
        """
        if mode not in ("r", "rb"):
            raise ValueError(f"mode is {mode!r}; a result is read: 'r' or 'rb'")
        file = tempfile.SpooledTemporaryFile(max_size=16 * 2**20)  # noqa: SIM115
        try:
            self._download(self.url(name), file)
        except BaseException:
            file.close()
            raise
        file.seek(0)
        return file if mode == "rb" else io.TextIOWrapper(file, encoding=encoding)

    def to_path(self, path: str | os.PathLike[str], name: str | None = None) -> Path:
        """Download a file and return its path. The file appears whole or not at all.

        Args:
            path: where to put it; a folder gets it under its own name.
            name: which file, when the task has made several.
        """
        found, target = self._file(name), Path(path)
        if target.is_dir():
            target /= Path(str(found["name"])).name
        handle, part = tempfile.mkstemp(prefix=f".{target.name}.", dir=target.parent)
        try:
            with os.fdopen(handle, "wb") as file:
                self._download(str(found["url"]), file)
            Path(part).chmod(0o666 & ~_umask())
            Path(part).replace(target)
        except BaseException:
            Path(part).unlink(missing_ok=True)
            raise
        return target

    def to_folder(self, path: str | os.PathLike[str], name: str | None = None) -> Path:
        """Download a folder, unpack it, and return its path. It appears whole or not at all.

        Args:
            path: what to call it; nothing may be there yet.
            name: which of several results: ``pages.zip`` for the folder ``pages``.

        Raises:
            FileExistsError: when something is there.
            BadRequest: when the result is no folder.
        """
        found, target = self._file(name), Path(path)
        if not found["files_url"]:
            raise BadRequest(f"{found['name']} is a file, not a folder: use to_path().")
        if target.exists():
            raise FileExistsError(f"{target} is there already.")
        with tempfile.TemporaryDirectory(
            prefix=f".{target.name}.", dir=target.parent, ignore_cleanup_errors=True
        ) as part:
            folder = Path(part, "folder")
            folder.mkdir()
            with self.open("rb", name=str(found["name"])) as file, ZipFile(file) as archive:
                archive.extractall(folder)  # which keeps to the folder, whatever the names say
            folder.rename(target)
        return target

    def dataframe(self, /, name: str | None = None, **options: Any) -> Any:
        """Return a CSV, JSON, Parquet or Feather file as a pandas ``DataFrame``.

        Args:
            name: which file, when the task has made several.
            options: for pandas' ``read_csv``, ``read_json``, ``read_parquet`` or ``read_feather``.

        Raises:
            BadRequest: for a file of another ending.
            ImportError: without pandas, or what it needs for that kind of file.
        """
        ending = Path(str(self._file(name)["name"])).suffix.lower()
        if ending not in _READERS:
            known = ", ".join(_READERS)
            raise BadRequest(f"A file that ends in {ending!r} is no table; these are: {known}.")
        import pandas  # type: ignore[import-not-found,import-untyped,unused-ignore]

        with self.open("rb", name=name) as file:
            return getattr(pandas, _READERS[ending])(io.BytesIO(file.read()), **options)

    def _file(self, name: str | None) -> dict[str, Any]:
        status = self._ask_status()
        files = {file["name"]: file for file in status["results"]}
        if name is None and len(files) == 1:
            return dict(next(iter(files.values())))
        if name in files:
            return dict(files[name])
        there = ", ".join(files) or "none"
        wanted = "name one of its files" if name is None else f"it has no file {name!r}"
        raise BadRequest(
            f"{status['key']} is {status['job_status']}: {wanted}; there are: {there}."
        )

    def _download(self, url: str, file: IO[bytes]) -> None:
        if urlsplit(url).scheme not in ("http", "https"):
            raise DatanectarError(f"The result is at {url}, which the app gives out no URL for.")
        with self._transport.send("GET", url, stream=True) as response:
            response.raw.decode_content = True
            try:
                shutil.copyfileobj(response.raw, file, 2**20)
            except (requests.RequestException, OSError, _broken_download()) as problem:
                raise Unavailable(f"The download of {url} broke off: {problem}") from problem


def _broken_download() -> type[Exception]:
    from urllib3.exceptions import HTTPError

    return HTTPError


def _umask() -> int:
    """Return this process's umask, which can only be read by setting it."""
    mask = os.umask(0o077)
    os.umask(mask)
    return mask
