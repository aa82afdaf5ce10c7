"""The target of a Nectar task: one file under its key, which other tasks read."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO, Any

import luigi

from datanectar.errors import ChainError
from datanectar.keys import Key, is_reserved_name
from datanectar.storage.base import Storage
from datanectar.util.completeness import INDEX


class NectarTarget(luigi.Target):
    """One file under a key, in a store.

    Args:
        storage: the store.
        key: the task's key.
        file: the file's name.
        binary: whether ``open("r")`` and ``open("w")`` read and write bytes.

    Raises:
        ChainError: when the service itself writes a file of that name.
    """

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
