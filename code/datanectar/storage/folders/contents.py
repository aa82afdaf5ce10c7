"""The list of a folder's files, ``<name>.files.json``, and the files that it names.

A folder is many objects, which no store can show at once. So each version of it lies at a place of
its own, ``<key>/<name>/<version>/``, and what is there is what the list says, which is one file and
therefore whole. What a killed writer leaves is in no list; it goes when the result is dropped.
"""

from __future__ import annotations

import os
import secrets
import stat
from collections.abc import Iterator
from pathlib import Path

import msgspec

from datanectar.errors import NotFound, StorageError
from datanectar.keys import FOLDER_LIST, Key, is_path_in_folder
from datanectar.storage.base import Storage, object_name
from datanectar.storage.threads import mapped

_CHUNK = 1024 * 1024


class Contents(msgspec.Struct, frozen=True):
    """What a folder holds: ``version`` names its place, ``files`` are sizes in bytes by path."""

    version: str
    files: dict[str, int]


def list_of(name: str) -> str:
    """Return what the list of the folder ``name`` is called."""
    return f"{name}{FOLDER_LIST}"


def folder_of(list_file: str) -> str:
    """Return the name of the folder whose list this is."""
    return list_file.removesuffix(FOLDER_LIST)


def prefix_of(key: Key, name: str, version: str) -> str:
    """Return how the names of a folder's objects begin."""
    return f"{object_name(key, name)}/{version}/"


def read_contents(storage: Storage, key: Key, name: str) -> Contents:
    """Return what a folder holds.

    Raises:
        NotFound: when the folder is not there.
        StorageError: when its list is not what :func:`publish` writes: a chain could have written it.
    """
    listed = b"".join(storage.read_chunks(key, list_of(name)))
    try:
        contents = msgspec.json.decode(listed, type=Contents)
    except msgspec.DecodeError as problem:
        raise StorageError(f"{list_of(name)} of {key} is no list of files: {problem}") from problem
    if not contents.version.isalnum() or not all(map(is_path_in_folder, contents.files)):
        raise StorageError(f"{list_of(name)} of {key} names a file outside of the folder.")
    return contents


def publish(storage: Storage, key: Key, name: str, folder: Path) -> None:
    """Make a local folder of :meth:`Storage.temporary_place` the folder ``name`` under a key.

    Until the list is written, readers see the earlier folder, or none.

    Raises:
        ValueError: naming a file whose name no store could keep, or a link or device.
    """
    earlier = _contents_or_none(storage, key, name)
    contents = Contents(secrets.token_hex(8), dict(_files_in(folder)))
    storage.take_tree(prefix_of(key, name, contents.version), folder, list(contents.files))
    storage.put_bytes(key, list_of(name), msgspec.json.encode(contents))
    if earlier:
        storage.delete_tree(prefix_of(key, name, earlier.version))


def delete(storage: Storage, key: Key, name: str) -> bool:
    """Delete a folder, and what killed writers have left of it; return whether it was there."""
    was_there = storage.delete(key, list_of(name))
    storage.delete_tree(f"{object_name(key, name)}/")
    return was_there


def fetch(storage: Storage, key: Key, name: str, contents: Contents, into: Path) -> None:
    """Copy the files of a folder into a local one.

    Raises:
        NotFound: when one is not there any more, because the folder was replaced or dropped.
    """
    prefix = prefix_of(key, name, contents.version)

    def copy(path: str) -> None:
        (into / path).parent.mkdir(parents=True, exist_ok=True)
        with (into / path).open("wb") as file:
            for piece in storage.object_chunks(f"{prefix}{path}"):
                file.write(piece)

    mapped(copy, contents.files)


def _contents_or_none(storage: Storage, key: Key, name: str) -> Contents | None:
    try:
        return read_contents(storage, key, name)
    except NotFound:
        return None


def _files_in(folder: Path) -> Iterator[tuple[str, int]]:
    """Yield path and size of each file in a folder and the folders in it."""
    for parent, folders, files in os.walk(folder):
        for file in sorted(
            [*files, *(name for name in folders if Path(parent, name).is_symlink())]
        ):
            found = Path(parent, file)
            path = found.relative_to(folder).as_posix()
            if not stat.S_ISREG(found.lstat().st_mode):
                raise ValueError(f"{path} is a link or a device: a result's folder has files alone")
            if not is_path_in_folder(path):
                raise ValueError(
                    f"{path!r} is not a name that a file in a result's folder can have"
                )
            yield path, found.stat().st_size
