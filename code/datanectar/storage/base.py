"""The contract of a result store: files under keys, each whole or not there at all."""

from __future__ import annotations

import abc
import contextlib
import errno
import os
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from datanectar.keys import Key
from datanectar.storage.attempt_files import ATTEMPT_VARIABLE


@dataclass(frozen=True)
class FileInfo:
    """What a store knows of one file: its name, its size in bytes, its time as a Unix stamp.

    ``etag`` is what S3 tells one content from another by; it is empty where the store has none.
    """

    name: str
    size: int
    modified: float
    etag: str = ""


@dataclass(frozen=True)
class Link:
    """A URL of a file, and for how many seconds it holds (None: as long as the file)."""

    url: str
    expires_in: int | None


class Storage(abc.ABC):
    """A place for results. Every method takes a :class:`~datanectar.keys.Key` and a file name.

    A file written appears whole or not at all, whatever dies while it is written. Methods raise
    :class:`~datanectar.errors.StorageError` when the store refuses or can't be reached, and
    :class:`~datanectar.errors.NotFound` only where they say so.
    """

    #: How the store is named in records: ``local`` or ``s3``.
    name: str

    @abc.abstractmethod
    def address(self, key: Key, file: str) -> str:
        """Return where the file is, as people and libraries name it: a path or an ``s3://`` URL."""

    @abc.abstractmethod
    def exists(self, key: Key, file: str) -> bool:
        """Tell whether the file is there. One request at most; "not allowed" is an error."""

    @abc.abstractmethod
    def info(self, key: Key, file: str) -> FileInfo | None:
        """Return size and time of the file, or None when it is not there."""

    @abc.abstractmethod
    def list_files(self, key: Key) -> list[FileInfo]:
        """Return the files under the key, by name."""

    @abc.abstractmethod
    def list_family(self, key: Key, file: str) -> Iterator[str]:
        """Yield the md5 of every key of this key's task whose ``file`` is there, by one listing.

        Pages of it are asked for as they are needed.
        """

    @abc.abstractmethod
    def open_write(self, key: Key, file: str, *, binary: bool = False) -> IO[Any]:
        """Return a file object whose content appears under the key when it is closed.

        Leaving its ``with`` block by an exception publishes nothing and leaves nothing behind.
        Memory used does not grow with what is written. Text is UTF-8, newlines as written.
        """

    @abc.abstractmethod
    def open_read(self, key: Key, file: str, *, binary: bool = False) -> IO[Any]:
        """Return a file object that streams the content.

        Raises:
            NotFound: when the file is not there.
        """

    @abc.abstractmethod
    def read_chunks(self, key: Key, file: str, start: int = 0) -> Iterator[bytes]:
        """Yield the content from byte ``start`` on, in pieces of at most 1 MiB.

        Raises:
            NotFound: when the file is not there; at the call, not at the first piece.
        """

    @abc.abstractmethod
    def put_file(self, key: Key, file: str, source: Path) -> None:
        """Copy the local file ``source`` into the store."""

    @contextlib.contextmanager
    def temporary_file(self, key: Key, file: str) -> Iterator[Path]:
        """Give the block a local path of that name; what is there at its end becomes the file.

        It lies where a run has its own files, which go with the run however that ends; outside of a
        run, where the system has its temporary ones.

        Raises:
            OSError: when no file, or a folder, was left there.
        """
        attempt_dir = os.environ.get(ATTEMPT_VARIABLE)
        if attempt_dir:
            Path(attempt_dir).mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(
            prefix="datanectar-", dir=attempt_dir, ignore_cleanup_errors=True
        ) as folder:
            path = Path(folder) / file
            yield path
            check_file(path)
            self.put_file(key, file, path)

    @abc.abstractmethod
    def rename(self, key: Key, old: str, new: str) -> None:
        """Give a file of the key another name.

        Raises:
            NotFound: when there is no file ``old``.
        """

    @abc.abstractmethod
    def delete(self, key: Key, file: str) -> bool:
        """Delete the file; return whether it was there."""

    @abc.abstractmethod
    def prepare(self) -> None:
        """Make the store ready at start: the folder or the bucket, if it is missing and may be made.

        Raises:
            StartupError: when it can't be used, in one line that says what to do.
        """

    def put_bytes(self, key: Key, file: str, content: bytes) -> None:
        """Write ``content`` as the file."""
        with self.open_write(key, file, binary=True) as stream:
            stream.write(content)


def check_file(path: Path) -> None:
    """See that somebody has written a file at a path that he was given to write to.

    Raises:
        OSError: when nobody has, or has made a folder of it.
    """
    if path.is_dir():
        words = "A folder was written where one file is to be: a result is one file"
        raise IsADirectoryError(errno.EISDIR, words, str(path))
    if not path.exists():
        words = "Nothing was written to the path that temporary_path() gave"
        raise FileNotFoundError(errno.ENOENT, words, str(path))


def next_attempt_name(names: set[str], file: str) -> str:
    """Return the name that an earlier attempt's file moves to: ``log.1``, then ``log.2``..."""
    number = 1
    while f"{file}.{number}" in names:
        number += 1
    return f"{file}.{number}"


def keep_earlier(storage: Storage, key: Key, file: str) -> int:
    """Move the file, if it is there, beside itself as an earlier attempt's.

    Returns:
        The number that the file now to be written will get when its turn to be moved comes.
    """
    if not storage.exists(key, file):
        return 1
    names = {info.name for info in storage.list_files(key)}
    kept = next_attempt_name(names, file)
    storage.rename(key, file, kept)
    return int(kept.rpartition(".")[2]) + 1
