"""The targets of a Nectar task: a file or a folder under its key, which other tasks read."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import IO, Any

import luigi

from datanectar.attempt_files import ATTEMPT_VARIABLE
from datanectar.errors import ChainError, NotFound
from datanectar.keys import Key, is_reserved_name
from datanectar.storage.base import Storage
from datanectar.storage.folders import contents
from datanectar.util.completeness import INDEX


class NectarTarget(luigi.Target):
    """One file under a key, in a store.

    ``is_folder`` tells whether the result is a folder; see :class:`FolderTarget`.

    Args:
        storage: the store.
        key: the task's key.
        file: the file's name.
        binary: whether ``open("r")`` and ``open("w")`` read and write bytes.

    Raises:
        ChainError: when the service itself writes a file of that name.
    """

    is_folder = False

    def __init__(self, storage: Storage, key: Key, file: str, *, binary: bool = False) -> None:
        if is_reserved_name(file):
            raise ChainError(
                f"{key.task} can't keep its result as {file!r}: datanectar writes a file of that "
                "name itself. Choose another, such as 'out.txt'."
            )
        self.storage = storage
        self.key = key
        self.file = file
        self.binary = binary

    def __str__(self) -> str:
        return self.path

    @property
    def path(self) -> str:
        """The file's local path, or its address in a store: ``s3://<bucket>/<key>/<file>``."""
        return self.storage.address(self.key, self.file)

    def exists(self) -> bool:
        """Tell whether the result is there."""
        return INDEX.has(self.storage, self.key, self.file)

    def open(self, mode: str = "r") -> IO[Any]:
        """Open the result to read or to write it, as a stream: large files need little memory.

        What is written appears as a whole when the file is closed. When an exception leaves the
        ``with`` block, nothing appears, and an earlier result stays as it was.

        Args:
            mode: ``r`` or ``w``; with ``b`` for bytes, with ``t`` for UTF-8 text, else as the target
                was made.

        Raises:
            NotFound: when there is no result to read.
            StorageError: when the store refuses or can't be reached.
            ValueError: for any other mode; a result can't be appended to.
        """
        kind, binary = mode[:1], self.binary
        if mode[1:] in ("b", "t"):
            binary = mode[1:] == "b"
        elif mode[1:]:
            raise ValueError(f"mode {mode!r}: a target opens as r, w, rb, wb, rt or wt")
        if kind == "w":
            return self.storage.open_write(self.key, self.file, binary=binary)
        if kind == "r":
            return self.storage.open_read(self.key, self.file, binary=binary)
        raise ValueError(f"mode {mode!r}: a target is read or written as a whole")

    @contextmanager
    def temporary_path(self) -> Iterator[str]:
        """Give the block a local path, for a library that writes a file by its name.

        What the library wrote becomes the result when the block ends without an exception::

            with self.output().temporary_path() as path:
                frame.to_parquet(path)

        Raises:
            OSError: when the block has left no file there, or a folder.
        """
        with self.storage.temporary_file(self.key, self.file) as path:
            yield str(path)

    def remove(self) -> None:
        """Delete the result, so that the next run makes it again."""
        INDEX.forget(self.storage, self.key, self.file)
        self.storage.delete(self.key, self.file)


class FolderTarget(NectarTarget):
    """A folder under a key: all of its files are there, or none.

    Args:
        storage: the store.
        key: the task's key.
        name: the folder's name, without a slash.

    Raises:
        ChainError: when the service itself writes a file of that name.
    """

    is_folder = True

    def __init__(self, storage: Storage, key: Key, name: str) -> None:
        super().__init__(storage, key, name)
        self.name = name
        self.file = contents.list_of(name)

    @property
    def path(self) -> str:
        """The folder: a local path, or ``s3://<bucket>/...``, which libraries can read by themselves.

        While there is none, it is where folders of this name are put.
        """
        place = self.storage.address(self.key, self.name)
        try:
            return f"{place}/{contents.read_contents(self.storage, self.key, self.name).version}"
        except NotFound:
            return place

    def files(self) -> dict[str, int]:
        """Return the sizes of the files in bytes, by path: ``{"a.csv": 12, "2026/b.csv": 7}``.

        Raises:
            NotFound: when there is no such result.
        """
        return contents.read_contents(self.storage, self.key, self.name).files

    def open(self, mode: str = "r") -> IO[Any]:
        """Refuse to open a folder.

        Raises:
            IsADirectoryError: always.
        """
        raise IsADirectoryError(
            f"{self.name}/ is a folder. Write it with `self.save({{path: value}})` or "
            "`with self.output().temporary_path() as folder:`; `self.load(self.input())` is its path."
        )

    @contextmanager
    def temporary_path(self) -> Iterator[str]:
        """Give the block an empty local folder; what it holds at the end becomes the result.

        Raises:
            ValueError: when the block has left a link, or a file of a name that no store could keep.
        """
        with self.storage.temporary_place(self.key, self.name) as folder:
            folder.mkdir()
            yield str(folder)
            contents.publish(self.storage, self.key, self.name, folder)

    def local_folder(self) -> Path:
        """Return a local folder with the files, to read: the result itself, or a copy of it.

        A copy is made once in a process, and is gone when the attempt or the process has ended.

        Raises:
            NotFound: when there is no such result.
        """
        found = contents.read_contents(self.storage, self.key, self.name)
        folder = self.storage.local_path(self.key, self.name)
        if folder is not None:
            return folder / found.version
        place = contents.prefix_of(self.key, self.name, found.version)
        if place not in _COPIES:
            copy = TemporaryDirectory(
                prefix="datanectar-",
                dir=os.environ.get(ATTEMPT_VARIABLE),
                ignore_cleanup_errors=True,
            )
            contents.fetch(self.storage, self.key, self.name, found, Path(copy.name))
            _COPIES[place] = copy
        return Path(_COPIES[place].name)

    def remove(self) -> None:
        """Delete the result, so that the next run makes it again."""
        INDEX.forget(self.storage, self.key, self.file)
        contents.delete(self.storage, self.key, self.name)


#: The copies of folders in this process, by the place of the original. They end with the process.
_COPIES: dict[str, TemporaryDirectory[str]] = {}
