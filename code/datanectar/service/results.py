"""The files of a result as they are now, and which files may be given out at all.

A result lies under its key, or where an author's ``output()`` says: the latter at addresses that
a child has reported. A child runs an author's code, and a path may come from a client's
parameter; so each look decides anew what is given out: files in the project's folder, in
``DATANECTAR_LOCAL_TARGETS``, in a folder of ``DATANECTAR_RESULT_FOLDERS``, and objects in the
bucket of the run. Links are followed before that is decided.
"""

from __future__ import annotations

import re
import stat
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, cast

from datanectar.errors import StorageError
from datanectar.keys import LOG_FILE, PARAMS_FILE, Key
from datanectar.settings import Settings, sqlite_file
from datanectar.storage.base import FileInfo, Link, Storage
from datanectar.storage.local import LocalStorage
from datanectar.storage.plain import open_plain
from datanectar.storage.registry import bucket_of, storage_named

if TYPE_CHECKING:
    from datanectar.storage.s3 import S3Storage

#: How many addresses of one task are looked at: a status is one cheap look-up.
MOST_RESULTS = 100

_S3 = "s3://"
_OURS = re.compile(rf"{PARAMS_FILE}|{LOG_FILE}(\.[0-9]+)?")
_PIECE = 1024 * 1024
#: What may hold secrets or is no result, wherever in the project it lies.
_SECRET_NAMES = frozenset(
    ("datanectar.toml", "pyproject.toml", "luigi.cfg", "luigi.toml", "client.cfg", "logging.cfg")
)
_SECRET_ENDINGS = (".py", ".pyc", ".pem", ".key")


@dataclass(frozen=True)
class ResultFile:
    """One file of a result: on this host, or an object in a bucket.

    ``name`` is what it is called in ``/api/targets/<key>/<name>``, ``modified`` a Unix stamp.
    """

    name: str
    size: int
    modified: float
    path: Path | None = None
    bucket: S3Storage | None = None
    object: str = ""
    etag: str = ""

    def read(self) -> Iterator[bytes]:
        """Yield the content in pieces of at most 1 MiB.

        Raises:
            NotFound, StorageError: when an object can't be read.
            FileNotFoundError: when no plain file is there any more.
            OSError: when the file can't be read.
        """
        if self.bucket is not None:
            yield from self.bucket.object_chunks(self.object)
        elif self.path is not None:
            with open_plain(self.path) as stream:
                while piece := stream.read(_PIECE):
                    yield piece

    def link(self, life: int) -> Link | None:
        """Return a presigned URL that holds for ``life`` seconds; None for a file on this host."""
        if self.bucket is None:
            return None
        return self.bucket.object_link(self.object, expires_in=life)

    def delete(self) -> bool:
        """Delete the file; return whether it was there."""
        if self.bucket is not None:
            self.bucket.delete_object(self.object)
            return True
        if self.path is None:
            return False
        try:
            self.path.unlink()
        except FileNotFoundError:
            return False
        except OSError as problem:
            raise StorageError(f"Can't delete {self.path}: {problem.strerror}.") from problem
        return True


def under_key(storage: Storage, key: Key, info: FileInfo) -> ResultFile:
    """Return a file that lies under its key, as its store has told of it."""
    size, modified = info.size, info.modified
    if isinstance(storage, LocalStorage):
        return ResultFile(info.name, size, modified, path=storage.path(key, info.name))
    bucket = cast("S3Storage", storage)  # there are two kinds
    return ResultFile(
        info.name, size, modified, bucket=bucket, object=key.file(info.name), etag=info.etag
    )


def names_of(addresses: Iterable[str]) -> dict[str, str]:
    """Return addresses by the names that they are given out under: their last parts, made unique.

    Names of the service's own files are taken: ``params.txt``, ``log`` and ``log.<number>``.
    """
    named: dict[str, str] = {}
    for address in addresses:
        base = "".join(c for c in address.rpartition("/")[2] if c.isprintable())
        name, number = base, 1
        while not name or name in named or is_ours(name):
            number += 1
            stem, dot, ending = base.partition(".")
            name = f"{stem}-{number}{dot}{ending}"
        named[name] = address
    return named


def is_ours(name: str) -> bool:
    """Tell whether a file under a key is the service's own: its log, an earlier one, its parameters."""
    return _OURS.fullmatch(name) is not None


class Declared:
    """What is there of the addresses that a task's ``output()`` declares.

    Args:
        settings: name the folders that files are given out from.
    """

    def __init__(self, settings: Settings) -> None:
        more = (Path(folder).expanduser() for folder in settings.result_folders)
        folders = (settings.project, settings.local_targets, *more)
        self._roots = [folder.resolve() for folder in folders]
        configuration = settings.project / "configuration"
        databases = _database_files(settings)
        self._closed = [path.resolve() for path in (settings.state, configuration, *databases)]

    def look(self, addresses: list[str], storage: str) -> tuple[list[ResultFile], bool]:
        """Return the files that are there and may be given out, and whether any is missing.

        Args:
            addresses: as ``execution.whereabouts`` has them.
            storage: the run's store: objects are given out of its bucket only.
        """
        found, missing = [], False
        for name, address in names_of(addresses[:MOST_RESULTS]).items():
            if address.startswith(_S3):
                file, is_gone = self._object(name, address, storage)
            else:
                file, is_gone = self._file(name, address)
            missing = missing or is_gone
            found += [file] if file else []
        return found, missing

    def _file(self, name: str, address: str) -> tuple[ResultFile | None, bool]:
        spelled = Path(address)
        if not spelled.is_absolute():
            return None, False
        try:
            path = spelled.resolve()
            if not self._is_open(spelled, path):
                return None, False
            found = path.stat()
        except FileNotFoundError:
            return None, True
        except (OSError, RuntimeError, ValueError):  # not allowed, links in a circle, a NUL
            return None, False
        if not stat.S_ISREG(found.st_mode):
            return None, False
        return ResultFile(name, found.st_size, found.st_mtime, path=path), False

    def _is_open(self, spelled: Path, path: Path) -> bool:
        """Tell whether a file may be given out, by what its path says and by where that leads."""
        if any(path.is_relative_to(closed) for closed in self._closed):
            return False
        below = (path.relative_to(root).parts for root in self._roots if path.is_relative_to(root))
        if all(any(part.startswith(".") for part in parts) for parts in below):
            return False
        if any(name.startswith(".") for name in (spelled.name, path.name)):
            return False
        name = path.name.lower()
        return name not in _SECRET_NAMES and not name.endswith(_SECRET_ENDINGS)

    @staticmethod
    def _object(name: str, address: str, storage: str) -> tuple[ResultFile | None, bool]:
        bucket, _, path = address.removeprefix(_S3).partition("/")
        if bucket not in (bucket_of(storage), bucket_of("s3")) or not path or path.endswith("/"):
            return None, False
        store = cast("S3Storage", storage_named(f"{_S3}{bucket}"))
        info = store.object_info(path)
        if info is None:
            return None, True
        file = ResultFile(name, info.size, info.modified, bucket=store, object=path, etag=info.etag)
        return file, False


def _database_files(settings: Settings) -> Iterator[Path]:
    """Yield the files of SQLite databases, which may lie outside the state folder."""
    for url in (settings.database_url, settings.queue_url):
        if url.startswith("sqlite:///"):
            file = sqlite_file(url)
            yield from (Path(f"{file}{ending}") for ending in ("", "-wal", "-shm", "-journal"))
