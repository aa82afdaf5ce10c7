"""One file, or a folder, of a result that is there and may be served."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from datanectar.errors import StorageError
from datanectar.keys import Key, is_folder_list
from datanectar.storage.base import FileInfo, Link, Storage, object_name
from datanectar.storage.folders.contents import delete, folder_of, prefix_of, read_contents
from datanectar.storage.folders.zipped import zipped
from datanectar.storage.plain import open_plain

#: The ending of a folder that is sent as one file.
ZIP = ".zip"
_CHUNK = 1024 * 1024


@dataclass(frozen=True)
class ResultFile:
    """A file on this host, which has a ``path``, or an object in a store, or both.

    ``name`` is what it is called in ``/api/targets/<key>/<name>``, ``size`` is in bytes, None where
    it is not known, ``modified`` is a Unix stamp, ``object`` is the object's name in ``storage``.
    """

    name: str
    size: int | None
    modified: float
    path: Path | None = None
    storage: Storage | None = None
    object: str = ""
    etag: str = ""

    def read(self) -> Iterator[bytes]:
        """Yield the content in pieces of at most 1 MiB.

        Raises:
            NotFound, StorageError: when an object can't be read.
            FileNotFoundError: when no plain file is there any more.
            OSError: when the file can't be read.
        """
        if self.path is not None:
            with open_plain(self.path) as stream:
                while piece := stream.read(_CHUNK):
                    yield piece
        elif self.storage is not None:
            yield from self.storage.object_chunks(self.object)

    def link(self, life: int) -> Link | None:
        """Return a URL of the store's that is valid for ``life`` seconds; None: it gives out none."""
        if self.storage is None:
            return None
        return self.storage.object_link(self.object, expires_in=life)

    def delete(self) -> bool:
        """Delete the file; return whether it was there."""
        if self.storage is not None:
            return self.storage.delete_object(self.object)
        return self.path is not None and _unlink(self.path)


def _unlink(path: Path) -> bool:
    try:
        path.unlink()
    except FileNotFoundError:
        return False
    except OSError as problem:
        raise StorageError(f"Can't delete {path}: {problem.strerror}.") from problem
    return True


def under_key(storage: Storage, key: Key, info: FileInfo) -> ResultFile:
    """Return a file that lies under its key, from what its store knows of it.

    The list of a folder's files stands for the folder.
    """
    if is_folder_list(info.name):
        name = f"{folder_of(info.name)}{ZIP}"
        return ResultFolder(name, None, info.modified, storage=storage, key=key)
    return ResultFile(
        info.name,
        info.size,
        info.modified,
        path=storage.local_path(key, info.name),
        storage=storage,
        object=object_name(key, info.name),
        etag=info.etag,
    )


@dataclass(frozen=True)
class ResultFolder(ResultFile):
    """A folder, which is sent as a zip of its files: ``pages/`` is called ``pages.zip``.

    ``storage`` and ``key`` say where it lies.
    """

    key: Key | None = None

    @property
    def folder(self) -> str:
        """The folder's name."""
        return self.name.removesuffix(ZIP)

    def files(self) -> list[ResultFile]:
        """Return its files, by path; each is called ``<folder>/<path>``.

        Raises:
            NotFound, StorageError: when the folder can't be read.
        """
        storage, key = self._place()
        contents = read_contents(storage, key, self.folder)
        prefix = prefix_of(key, self.folder, contents.version)
        root = storage.local_path(key, self.folder)
        return [
            ResultFile(
                f"{self.folder}/{path}",
                size,
                self.modified,
                path=root / contents.version / path if root else None,
                storage=storage,
                object=f"{prefix}{path}",
            )
            for path, size in sorted(contents.files.items())
        ]

    def read(self) -> Iterator[bytes]:
        """Yield a zip of the files, which is made while it is read."""
        storage, key = self._place()
        return zipped(storage, key, self.folder)

    def link(self, life: int) -> Link | None:
        """Return None: no store makes a zip."""
        return None

    def delete(self) -> bool:
        """Delete the folder; return whether it was there."""
        storage, key = self._place()
        return delete(storage, key, self.folder)

    def _place(self) -> tuple[Storage, Key]:
        assert self.storage is not None
        assert self.key is not None
        return self.storage, self.key
