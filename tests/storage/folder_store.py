"""A third store, as somebody might write one: whatever is not this disk and not S3.

It keeps objects in a folder, ``folder://<shelf>``, and treats it as if it were far away: there are no
local paths and no URLs. :func:`register` is its one row.
"""

from __future__ import annotations

import os
import secrets
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from datanectar.errors import NotFound
from datanectar.keys import Key, is_file_name
from datanectar.storage import registry
from datanectar.storage.atomic_file import AtomicFile
from datanectar.storage.base import FileInfo, Storage, object_name


class FolderStorage(Storage):
    def __init__(self, folder: Path) -> None:
        self.store_address = f"folder://{folder.name}"
        self._folder = folder

    def address(self, key: Key, file: str) -> str:
        return f"{self.store_address}/{object_name(key, file)}"

    def object_info(self, name: str) -> FileInfo | None:
        path = self._folder / name
        if not path.is_file():
            return None
        return FileInfo(path.name, path.stat().st_size, path.stat().st_mtime)

    def open_object(self, name: str, start: int = 0) -> IO[bytes]:
        try:
            stream = (self._folder / name).open("rb")
        except FileNotFoundError as problem:
            raise NotFound(f"There is no {name}.") from problem
        stream.seek(start)
        return stream

    def create_object(self, name: str) -> AtomicFile:
        return _Object(self._folder, name)

    def delete_object(self, name: str) -> bool:
        there = (self._folder / name).exists()
        (self._folder / name).unlink(missing_ok=True)
        return there

    def list_files(self, key: Key) -> list[FileInfo]:
        paths = sorted((self._folder / object_name(key, "_")).parent.glob("*"))
        found = (self.info(key, path.name) for path in paths if is_file_name(path.name))
        return [info for info in found if info]

    def list_family(self, key: Key, file: str) -> Iterator[str]:
        family = (self._folder / object_name(key, file)).parent.parent
        return (path.parent.name for path in family.glob(f"*/{file}"))

    def list_tree(self, prefix: str) -> Iterator[tuple[str, FileInfo]]:
        for path in sorted((self._folder / prefix).rglob("*")):
            name = path.relative_to(self._folder).as_posix()
            if info := self.object_info(name):
                yield name, info

    def delete_tree(self, prefix: str) -> None:
        shutil.rmtree(self._folder / prefix, ignore_errors=True)

    def rename(self, key: Key, old: str, new: str) -> None:
        try:
            (self._folder / object_name(key, old)).replace(self._folder / object_name(key, new))
        except FileNotFoundError as problem:
            raise NotFound(f"There is no {old} under {key}.") from problem

    def prepare(self) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)


class _Object(AtomicFile):
    def __init__(self, folder: Path, name: str) -> None:
        self._target = folder / name
        self._target.parent.mkdir(parents=True, exist_ok=True)
        self._half = folder / f".{secrets.token_hex(8)}"
        self._stream = self._half.open("wb", buffering=0)
        super().__init__()

    def _append(self, data: memoryview) -> int:
        return os.write(self._stream.fileno(), data)

    def _publish(self) -> None:
        self._stream.close()
        self._half.replace(self._target)

    def _remove(self) -> None:
        self._stream.close()
        self._half.unlink(missing_ok=True)


def register(shelf: str = "shelf") -> None:
    """Add the store to the registry: ``folder`` is the folder ``shelf`` in the project."""
    registry.STORES["folder"] = registry.StoreRow(
        make=lambda settings, place: FolderStorage(settings.project / place),
        place=lambda settings: shelf,
    )
