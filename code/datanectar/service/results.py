"""Where the result of a key lies, and which of its files are there.

The run store has where a run put its result; the store of results shows whether it is there.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from datanectar.errors import NotFound, StorageError
from datanectar.keys import (
    DEFAULT_OUTPUT,
    Key,
    is_file_name,
    is_folder_list,
    is_service_file,
)
from datanectar.runs.records import Run, TaskRow
from datanectar.runs.store import RunStore
from datanectar.service.declared_outputs import DeclaredOutputs
from datanectar.service.result_file import ZIP, ResultFile, ResultFolder, under_key
from datanectar.settings import Settings
from datanectar.statuses import ACTIVE, DONE
from datanectar.storage.base import FileInfo, Storage
from datanectar.storage.folders.contents import list_of
from datanectar.storage.registry import (
    LOCAL,
    default_name,
    name_of,
    storage_named,
    store_address,
)


@dataclass(frozen=True)
class Place:
    """Where a result lies: as ``output`` under the key in ``storage``, or at the addresses ``results``.

    ``is_reported`` is False for rows of a version that did not record it: the file is to be looked
    for under the key.
    """

    storage: str
    output: str | None = None
    results: list[str] = field(default_factory=list)
    is_reported: bool = True


@dataclass(frozen=True)
class Found:
    """Which files of a result are there, in which store; ``missing``: at least one is not there."""

    storage: str
    files: list[ResultFile] = field(default_factory=list)
    missing: bool = False
    note: str | None = None


class Results:
    """Finds the results of keys.

    Args:
        settings: the settings in force.
        store: the run store.
    """

    def __init__(self, settings: Settings, store: RunStore) -> None:
        self._settings = settings
        self._store = store
        self._declared = DeclaredOutputs(settings)

    def run_of(self, key: Key) -> tuple[Run | None, TaskRow | None]:
        """Return the run that a key's status comes from, and the key's task in it.

        That is the latest run that had the key as its root or among its tasks. Without a task, no run
        has yet reported one for the key.
        """
        run, task = self._store.latest(str(key)), self._store.task_by_key(str(key))
        if task is None or (run is not None and task.run_id <= run.id):
            return run, task
        # While a run of the key itself is active, the reports of other runs do not count.
        if run is not None and run.status in ACTIVE:
            return run, task
        reporter = self._store.get(task.run_id)
        if run is None or reporter is None:
            return reporter or run, task
        # The report of another chain does not count while the result of the key's own run is there.
        if run.status == DONE and (reporter.type, reporter.chain) != (key.type, key.chain):
            own = next(iter(self._store.tasks(run.id, 1, first=run.task_id)), None)
            if not self.of_run(run, own).missing:
                return run, own
        return reporter, task

    def of_run(self, run: Run, own: TaskRow | None) -> Found:
        """Return what is there of a run's result; ``own`` is its root among its tasks."""
        return self.look(Key(*run.key.split("/")[1:]), _place_of_run(run, own))

    def look(self, key: Key, place: Place, file: str | None = None) -> Found:
        """Return what is there of a result.

        Args:
            file: its name under the key, where the place does not have it.
        """
        if place.is_reported and not place.output:
            files, missing = self._declared.look(place.results, place.storage)
            return Found(place.storage, [_folder_or_file(key, file) for file in files], missing)
        note = None
        for storage in self._stores(place.storage):
            try:
                files = _under_key(key, storage, place.output, file)
            except StorageError as problem:
                if not self._is_elsewhere(storage):
                    raise
                note = f"the result was put into {storage}, which can't be read: {problem.message}"
                continue
            if files:
                return Found(storage, files)
        return Found(place.storage, missing=True, note=note)

    def without_run(self, key: Key, file: str | None) -> Found | None:
        """Return what lies under a key that no run is known to have made, or None.

        Such a result was made by Luigi alone, or copied there. ``file`` is its name, if known.
        """
        for storage in dict.fromkeys((default_name(self._settings), LOCAL)):
            files = _under_key(key, storage, None, file)
            if files:
                return Found(storage, files)
        return None

    def file(self, key: Key, name: str) -> ResultFile:
        """Return one file of a key: its result, its log, its parameters.

        Raises:
            NotFound: when there is none of that name that may be served.
        """
        place = place_of(key, *self.run_of(key)) or Place(default_name(self._settings))
        wanted = [name, list_of(name.removesuffix(ZIP))] if name.endswith(ZIP) else [name]
        for file in filter(is_file_name, wanted):
            for storage in map(storage_named, self._stores(place.storage)):
                if info := storage.info(key, file):
                    return under_key(storage, key, info)
        for found in self.at(place.results, place.storage):
            if found.name == name:
                return found
        raise NotFound(f"{key} has no file {name[:100]}.")

    def folder(self, key: Key, name: str) -> ResultFolder:
        """Return a folder of a key's result.

        Raises:
            NotFound: when there is none of that name.
        """
        found = self.file(key, list_of(name))
        if not isinstance(found, ResultFolder):
            raise NotFound(f"{key} has no folder {name[:100]}.")
        return found

    def at(self, addresses: list[str], storage: str) -> list[ResultFile]:
        """Return the files at the addresses of a result in ``storage`` that may be served."""
        return self._declared.look(addresses, storage)[0]

    def declared_files(self, key: Key) -> list[ResultFile]:
        """Return the files of a key's result that lie elsewhere than under it."""
        place = place_of(key, *self.run_of(key))
        return self.at(place.results, place.storage) if place else []

    def storage_of(self, key: Key) -> Storage:
        """Return the store that a key's log and parameters are in, as far as its runs show."""
        place = place_of(key, *self.run_of(key))
        stores = self._stores(place.storage if place else default_name(self._settings))
        having = (name for name in stores[:-1] if storage_named(name).list_files(key))
        return storage_named(next(having, stores[-1]))

    def _stores(self, storage: str) -> list[str]:
        """Return where to look, in turn: this host comes before another environment's store."""
        return [LOCAL, storage] if self._is_elsewhere(storage) else [storage]

    def _is_elsewhere(self, storage: str) -> bool:
        """Tell whether results are kept on this host, and the store is one of another environment."""
        return self._settings.is_local and storage != store_address(name_of(storage))


def place_of(key: Key, run: Run | None, task: TaskRow | None) -> Place | None:
    """Return where a key's result lies; None when no run is known that has asked for it."""
    if run is not None and run.key == str(key):
        return _place_of_run(run, task if task and task.run_id == run.id else None)
    return place_of_task(run, task) if run and task else None


def _place_of_run(run: Run, own: TaskRow | None) -> Place:
    results = (own.results if own else []) or run.results
    return Place(run.storage, run.output, results)


def place_of_task(run: Run, task: TaskRow) -> Place:
    """Return where the result of a task of a run lies."""
    return Place(task.storage or run.storage, task.output, task.results, task.storage is not None)


def _folder_or_file(key: Key, file: ResultFile) -> ResultFile:
    """Return the folder of a key whose list was declared as an output; any other file as it is."""
    where = str(file.path) if file.path else file.object
    if not is_folder_list(file.name) or not where.endswith(f"{key}/{file.name}"):
        return file
    storage = file.storage or storage_named(LOCAL)
    return under_key(storage, key, FileInfo(file.name, file.size or 0, file.modified))


def _under_key(key: Key, store: str, output: str | None, file: str | None) -> list[ResultFile]:
    storage = storage_named(store)
    info = storage.info(key, output or file or DEFAULT_OUTPUT)
    if info is not None:
        return [under_key(storage, key, info)]
    if output:
        return []
    files = [info for info in storage.list_files(key) if not is_service_file(info.name)]
    return [under_key(storage, key, info) for info in files]
