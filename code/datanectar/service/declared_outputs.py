"""Which files at the addresses of an author's own ``output()`` are there and may be served.

A child, which runs an author's code, reports the addresses, and a path may come from a client's
parameter. So each request decides anew what is served: files in the project's folder, in
``DATANECTAR_LOCAL_TARGETS`` or in a folder of ``DATANECTAR_RESULT_FOLDERS``, and objects in the
run's store or in one that the settings name. Links are followed before that is decided.
"""

from __future__ import annotations

import stat
from collections.abc import Iterable, Iterator
from pathlib import Path

from datanectar.keys import is_service_file
from datanectar.service.result_file import ResultFile
from datanectar.settings import Settings, sqlite_file
from datanectar.storage.registry import is_in_reach, split_address, storage_named

#: So many addresses of one task are looked at, at most: a status is to stay cheap.
MOST_RESULTS = 100

#: What may hold secrets or is no result, wherever in the project it lies.
_SECRET_NAMES = frozenset(
    ("datanectar.toml", "pyproject.toml", "luigi.cfg", "luigi.toml", "client.cfg", "logging.cfg")
)
_SECRET_ENDINGS = (".py", ".pyc", ".pem", ".key")


def names_of(addresses: Iterable[str]) -> dict[str, str]:
    """Return the addresses by the names that they are served under: their last parts, made unique.

    Names of the service's own files are taken: ``params.txt``, ``log`` and ``log.<number>``.
    """
    named: dict[str, str] = {}
    for address in addresses:
        base = "".join(c for c in address.rpartition("/")[2] if c.isprintable())
        name, number = base, 1
        while not name or name in named or is_service_file(name):
            number += 1
            stem, dot, ending = base.partition(".")
            name = f"{stem}-{number}{dot}{ending}"
        named[name] = address
    return named


class DeclaredOutputs:
    """Looks at the addresses that a task's ``output()`` declares.

    Args:
        settings: name the folders that files are served from.
    """

    def __init__(self, settings: Settings) -> None:
        more = (Path(folder).expanduser() for folder in settings.result_folders)
        folders = (settings.project, settings.local_targets, *more)
        self._open = [folder.resolve() for folder in folders]
        configuration = settings.project / "configuration"
        databases = _database_files(settings)
        self._closed = [path.resolve() for path in (settings.state, configuration, *databases)]

    def look(self, addresses: list[str], run_store: str) -> tuple[list[ResultFile], bool]:
        """Return the files that are there and may be served, and whether any is missing.

        Args:
            addresses: absolute paths, or addresses in a store.
            run_store: the name or address of the run's store.

        Raises:
            StorageError: when a store can't be reached.
        """
        found, missing = [], False
        for name, address in names_of(addresses[:MOST_RESULTS]).items():
            if split_address(address):
                file, is_gone = _look_at_object(name, address, run_store)
            else:
                file, is_gone = self._look_at_path(name, address)
            missing = missing or is_gone
            found += [file] if file else []
        return found, missing

    def _look_at_path(self, name: str, address: str) -> tuple[ResultFile | None, bool]:
        spelled = Path(address)
        if not spelled.is_absolute():
            return None, False
        try:
            path = spelled.resolve()
            if not self._may_be_served(spelled, path):
                return None, False
            found = path.stat()
        except FileNotFoundError:
            return None, True
        except (OSError, RuntimeError, ValueError):  # not allowed, links in a circle, a NUL
            return None, False
        if not stat.S_ISREG(found.st_mode):
            return None, False
        return ResultFile(name, found.st_size, found.st_mtime, path=path), False

    def _may_be_served(self, spelled: Path, path: Path) -> bool:
        """Decide by a path as it is spelled, and by where its links lead."""
        if any(path.is_relative_to(folder) for folder in self._closed):
            return False
        below = (path.relative_to(top).parts for top in self._open if path.is_relative_to(top))
        if all(any(part.startswith(".") for part in parts) for parts in below):
            return False
        if any(name.startswith(".") for name in (spelled.name, path.name)):
            return False
        name = path.name.lower()
        return name not in _SECRET_NAMES and not name.endswith(_SECRET_ENDINGS)


def _look_at_object(name: str, address: str, run_store: str) -> tuple[ResultFile | None, bool]:
    store, object_name = split_address(address) or ("", "")
    if not is_in_reach(store, run_store) or not object_name or object_name.endswith("/"):
        return None, False
    storage = storage_named(store)
    info = storage.object_info(object_name)
    if info is None:
        return None, True
    file = ResultFile(
        name, info.size, info.modified, storage=storage, object=object_name, etag=info.etag
    )
    return file, False


def _database_files(settings: Settings) -> Iterator[Path]:
    """Yield the files of SQLite databases, which may lie outside the state folder."""
    for url in (settings.database_url, settings.queue_url):
        if url.startswith("sqlite:///"):
            file = sqlite_file(url)
            yield from (Path(f"{file}{ending}") for ending in ("", "-wal", "-shm", "-journal"))
