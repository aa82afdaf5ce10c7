"""The target that a Nectar task writes and its dependants read: one file under the task's key."""

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
    """One file under a key, in the store that holds it.

    Args:
        storage: the store.
        key: the task's key.
        file: the file's name.
        binary: whether ``open("r")`` and ``open("w")`` deal in bytes.
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
        """The local path, or ``s3://bucket/key/file``."""
        return self.storage.address(self.key, self.file)

    def exists(self) -> bool:
        """Tell whether the result is there."""
        return INDEX.has(self.storage, self.key, self.file)

    def open(self, mode: str = "r") -> IO[Any]:
        """Open the result: ``r``/``w``, or ``rb``/``wb`` and ``rt``/``wt`` to name the kind.

        What is written appears whole when the file is closed, and not at all when the ``with``
        block is left by an exception.
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
        """Give a local path for a library that wants to write a file by itself.

        What it wrote becomes the result when the block ends well::

            with self.output().temporary_path() as path:
                frame.to_parquet(path)
        """
        with self.storage.temporary_file(self.key, self.file) as path:
            yield str(path)

    def remove(self) -> None:
        """Delete the result, so that the next run makes it again."""
        INDEX.forget(self.storage, self.key, self.file)
        self.storage.delete(self.key, self.file)
