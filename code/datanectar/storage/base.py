"""The contract of a result store: files under keys, each whole or not there at all."""

from __future__ import annotations

import abc
import contextlib
import errno
import io
import os
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from datanectar.attempt_files import ATTEMPT_VARIABLE
from datanectar.keys import Key, parse_key
from datanectar.storage.atomic_file import AtomicFile, writer
from datanectar.storage.threads import mapped

_CHUNK = 1024 * 1024


@dataclass(frozen=True)
class FileInfo:
    """A file's name, its size in bytes, and when it was last modified, a Unix stamp.

    ``etag`` identifies the content; it is empty where the store has none.
    """

    name: str
    size: int
    modified: float
    etag: str = ""


@dataclass(frozen=True)
class Link:
    """A URL of a file, and for how many seconds it is valid (None: as long as the file exists)."""

    url: str
    expires_in: int | None


class Storage(abc.ABC):
    """A place for results.

    A file is named by a :class:`~datanectar.keys.Key` and a file name. In the store it is an object
    whose name is ``<key>/<file>``; an author's own ``output()`` may name other objects.

    A file appears whole or not at all, whatever dies while it is written. A store is used by many
    threads, and on both sides of a fork. Methods raise :class:`~datanectar.errors.StorageError` when
    the store refuses or can't be reached, :class:`~datanectar.errors.BadRequest` when a key or a file
    name could lead out of the store, and :class:`~datanectar.errors.NotFound` only where they say so.

    A new store is a subclass with the abstract methods, and a row in
    :data:`datanectar.storage.registry.STORES`. ``tests/storage/test_contract.py`` checks it.
    """

    #: The store as records keep it: ``local``, or ``s3://<bucket>``.
    store_address: str

    # --- what every store implements -------------------------------------------------------

    @abc.abstractmethod
    def address(self, key: Key, file: str) -> str:
        """Return where the file is, as people and libraries name it: a path or an ``s3://`` URL."""

    @abc.abstractmethod
    def object_info(self, name: str) -> FileInfo | None:
        """Return size and time of an object, or None when it is not there.

        It makes one request, or two when access is refused: "not allowed" is an error.
        """

    @abc.abstractmethod
    def open_object(self, name: str, start: int = 0) -> IO[bytes]:
        """Return a file object that reads an object from byte ``start`` on, and can seek.

        Raises:
            NotFound: when it is not there.
        """

    @abc.abstractmethod
    def create_object(self, name: str) -> AtomicFile:
        """Return a raw file object whose content becomes the object when it is closed.

        Memory used does not grow with what is written.
        """

    @abc.abstractmethod
    def delete_object(self, name: str) -> bool:
        """Delete an object; return whether it was there."""

    @abc.abstractmethod
    def list_files(self, key: Key) -> list[FileInfo]:
        """Return the files under the key, by name."""

    @abc.abstractmethod
    def list_family(self, key: Key, file: str) -> Iterator[str]:
        """Yield the md5 of every key of this key's task whose ``file`` is there, by one listing.

        Pages of the listing are requested as they are needed.
        """

    @abc.abstractmethod
    def list_tree(self, prefix: str) -> Iterator[tuple[str, FileInfo]]:
        """Yield name and info of all objects whose names begin with ``prefix``, which ends in a slash.

        What lies in one folder comes one after another.
        """

    @abc.abstractmethod
    def delete_tree(self, prefix: str) -> None:
        """Delete all objects whose names begin with ``prefix``, which ends in a slash."""

    @abc.abstractmethod
    def rename(self, key: Key, old: str, new: str) -> None:
        """Give a file of the key another name, in place of a file that has that name.

        Raises:
            NotFound: when there is no file ``old``.
        """

    @abc.abstractmethod
    def prepare(self) -> None:
        """Make the store ready at start: create the folder or the bucket if it is missing.

        Raises:
            StartupError: when it can't be used, in one line that says what to do.
        """

    # --- what a store may have -------------------------------------------------------------

    def preload(self) -> None:  # noqa: B027
        """Import and parse what the store needs, so that processes forked later start faster.

        It makes no request. It is called once in the fork server, for the default store.
        """

    def local_path(self, key: Key, file: str) -> Path | None:
        """Return the path of the file on this host; None for a store that is elsewhere.

        With a path, a log is written in place. Without one, it is written among the attempt's files
        and uploaded.
        """
        return None

    def object_link(self, name: str, *, expires_in: int) -> Link | None:
        """Return a URL from which anyone can get an object; the object is not looked for.

        Args:
            expires_in: for how many seconds the URL should be valid.

        Returns:
            The URL and how long it is valid; None for a store that gives out no URLs: its files are
            served by the web process.
        """
        return None

    # --- what follows from these -----------------------------------------------------------

    def exists(self, key: Key, file: str) -> bool:
        """Tell whether the file is there."""
        return self.info(key, file) is not None

    def info(self, key: Key, file: str) -> FileInfo | None:
        """Return size and time of the file, or None when it is not there."""
        return self.object_info(object_name(key, file))

    def link(self, key: Key, file: str, *, expires_in: int = 600) -> Link | None:
        """Return a URL of the file; see :meth:`object_link`."""
        return self.object_link(object_name(key, file), expires_in=expires_in)

    def open_read(self, key: Key, file: str, *, binary: bool = False) -> IO[Any]:
        """Return a file object that streams the content and can seek.

        Raises:
            NotFound: when the file is not there.
        """
        stream = self.open_object(object_name(key, file))
        return stream if binary else io.TextIOWrapper(stream, encoding="utf-8", newline="")

    def open_write(self, key: Key, file: str, *, binary: bool = False) -> IO[Any]:
        """Return a file object whose content appears under the key when it is closed.

        Leaving its ``with`` block by an exception publishes nothing and leaves nothing behind.
        Text is UTF-8, newlines as written.
        """
        return writer(self.create_object(object_name(key, file)), binary=binary)

    def read_chunks(self, key: Key, file: str, start: int = 0) -> Iterator[bytes]:
        """Yield the content from byte ``start`` on, in pieces of at most 1 MiB.

        Raises:
            NotFound: when the file is not there; at the call, not at the first piece.
        """
        return self.object_chunks(object_name(key, file), start)

    def object_chunks(self, name: str, start: int = 0) -> Iterator[bytes]:
        """Yield an object's content; see :meth:`read_chunks`."""
        return _pieces(self.open_object(name, start))

    def put_bytes(self, key: Key, file: str, content: bytes) -> None:
        """Write ``content`` as the file."""
        with self.open_write(key, file, binary=True) as stream:
            stream.write(content)

    def put_file(self, key: Key, file: str, source: Path) -> None:
        """Copy the local file ``source`` into the store."""
        with source.open("rb") as stream, self.open_write(key, file, binary=True) as target:
            shutil.copyfileobj(stream, target, _CHUNK)

    @contextlib.contextmanager
    def temporary_place(self, key: Key, name: str) -> Iterator[Path]:
        """Give the block a local path at which nothing is yet; what is put there is removed after it.

        It lies among the attempt's files, which are removed however that ends, or in a temporary folder.
        """
        attempt_dir = os.environ.get(ATTEMPT_VARIABLE)
        if attempt_dir:
            Path(attempt_dir).mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(
            prefix="datanectar-", dir=attempt_dir, ignore_cleanup_errors=True
        ) as folder:
            yield Path(folder) / name

    @contextlib.contextmanager
    def temporary_file(self, key: Key, file: str) -> Iterator[Path]:
        """Give the block a local path of that name; what is there at its end becomes the file.

        Raises:
            OSError: when no file, or a folder, was left there.
        """
        with self.temporary_place(key, file) as path:
            yield path
            check_file(path)
            self.take_file(key, file, path)

    def take_file(self, key: Key, file: str, path: Path) -> None:
        """Make a local file of :meth:`temporary_place` the file under the key."""
        self.put_file(key, file, path)

    def take_tree(self, prefix: str, folder: Path, paths: list[str]) -> None:
        """Make the files of a local folder of :meth:`temporary_place` objects below ``prefix``.

        Args:
            prefix: ends in a slash; there is no object below it.
            folder: the folder, and ``paths`` those of its files in it.
        """

        def put(path: str) -> None:
            with (folder / path).open("rb") as stream:
                with writer(self.create_object(f"{prefix}{path}"), binary=True) as target:
                    shutil.copyfileobj(stream, target, _CHUNK)

        mapped(put, paths)

    def delete(self, key: Key, file: str) -> bool:
        """Delete the file; return whether it was there."""
        return self.delete_object(object_name(key, file))


def object_name(key: Key, file: str) -> str:
    """Return the name that a file has in a store: ``chains/<type>/<chain>/<Task>/<md5>/<file>``.

    Raises:
        BadRequest: when the key or the file name could lead out of the store.
    """
    return parse_key(str(key)).file(file)


def _pieces(stream: IO[bytes]) -> Iterator[bytes]:
    with stream:
        while piece := stream.read(_CHUNK):
            yield piece


def check_file(path: Path) -> None:
    """Check that an author's code has left one file at the path that it got.

    Raises:
        OSError: when there is no file, or a folder.
    """
    if path.is_dir():
        words = "A folder was written where one file is to be: a result is one file"
        raise IsADirectoryError(errno.EISDIR, words, str(path))
    if not path.exists():
        words = "Nothing was written to the path that temporary_path() gave"
        raise FileNotFoundError(errno.ENOENT, words, str(path))
