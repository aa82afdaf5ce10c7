"""What is known of a key: its status, its files, and the store that they are in.

The run store says what was done, the result's own place whether it is there. Every door asks here,
so that they all give one answer.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from datanectar.errors import NotFound, StorageError
from datanectar.keys import DEFAULT_OUTPUT, Key, is_file_name
from datanectar.runs.records import Run, TaskRow
from datanectar.runs.store import RunStore
from datanectar.service.results import Declared, ResultFile, is_ours, under_key
from datanectar.settings import Settings
from datanectar.statuses import ACTIVE, DONE, FAILED, UNKNOWN
from datanectar.storage.base import Storage
from datanectar.storage.registry import default_name, kind_of, storage_named, store_address

DROPPED = "the result is not there any more; POST the task to make it again"


@dataclass(frozen=True)
class Status:
    """What is known of a key. ``run`` is the latest that had it as its root or on its way.

    ``file`` is the result's name under the key, empty where it lies elsewhere or there is none;
    ``results`` are the files that are there.
    """

    key: Key
    job_status: str
    file: str
    storage: str
    run: Run | None = None
    task: TaskRow | None = None
    note: str | None = None
    scheduler: str | None = None
    results: list[ResultFile] = field(default_factory=list)


@dataclass(frozen=True)
class Place:
    """Where a result lies: ``output`` under the key in ``storage``, or at the addresses ``results``.

    ``is_told`` is False for rows of a version that did not tell: the file is to be looked for.
    """

    storage: str
    output: str | None = None
    results: list[str] = field(default_factory=list)
    is_told: bool = True


@dataclass(frozen=True)
class Found:
    """What a look at a place has shown. ``missing`` says that something is not there."""

    storage: str
    files: list[ResultFile] = field(default_factory=list)
    missing: bool = False
    note: str | None = None


class Lookup:
    """Looks keys up.

    Args:
        settings: the settings in force.
        store: the run store.
    """

    def __init__(self, settings: Settings, store: RunStore) -> None:
        self._settings = settings
        self._store = store
        self._declared = Declared(settings)

    def known(self, key: Key) -> tuple[Run | None, TaskRow | None]:
        """Return the latest run that had the key as its root or on its way, and its task there.

        Without a task, no run has got as far as reporting one for the key.
        """
        run, task = self._store.latest(str(key)), self._store.task_by_key(str(key))
        if task is None or (run is not None and task.run_id <= run.id):
            return run, task
        # Of a key with a run of its own on its way that run alone tells, whatever others report.
        if run is not None and run.status in ACTIVE:
            return run, task
        teller = self._store.get(task.run_id)
        if run is None or teller is None:
            return teller or run, task
        # Another chain may report what it likes: of a result that is there its own run tells.
        if run.status == DONE and (teller.type, teller.chain) != (key.type, key.chain):
            own = next(iter(self._store.tasks(run.id, 1, first=run.task_id)), None)
            if not self.of_run(run, own).missing:
                return run, own
        return teller, task

    def status(self, key: Key, file: str | None) -> Status:
        """Return what is known of a key.

        Args:
            file: the result's name, where no run has told it; None: not known.

        Raises:
            NotFound: when the key was never asked for and nothing lies there.
        """
        run, task = self.known(key)
        if run is not None and run.key == str(key):
            return self._root_status(key, run, task)
        if run is not None and task is not None:
            return self._task_status(key, file, run, task)
        found = self._alone(key, file)
        if found is None:
            raise NotFound(
                f"{key} was never asked for, and nothing lies there. POST the task to run it."
            )
        return Status(key, DONE, _name(key, found), found.storage, results=found.files)

    def of_run(self, run: Run, own: TaskRow | None) -> Found:
        """Return what is there of a run's result; ``own`` is its root among its tasks."""
        return self.look(Key(*run.key.split("/")[1:]), _place_of_run(run, own))

    def look(self, key: Key, place: Place, file: str | None = None) -> Found:
        """Return what is there of a result.

        Args:
            file: its name under the key, where the place does not tell.
        """
        if place.is_told and not place.output:
            files, missing = self._declared.look(place.results, place.storage)
            return Found(place.storage, files, missing)
        note = None
        for storage in self._stores(place.storage):
            try:
                files = self._under_key(key, storage, place.output, file)
            except StorageError as problem:
                if not self._is_elsewhere(storage):
                    raise
                note = f"the result was put into {storage}, which can't be read: {problem.message}"
                continue
            if files:
                return Found(storage, files)
        return Found(place.storage, missing=True, note=note)

    def file(self, key: Key, name: str) -> ResultFile:
        """Return one file of a key: its result, its log, its parameters.

        Raises:
            NotFound: when there is none of that name that may be given out.
        """
        run, task = self.known(key)
        place = _place(key, run, task) or Place(default_name(self._settings))
        if is_file_name(name):
            for storage in self._stores(place.storage):
                if info := storage_named(storage).info(key, name):
                    return under_key(storage_named(storage), key, info)
        for found in self.at(place.results, place.storage):
            if found.name == name:
                return found
        raise NotFound(f"{key} has no file {name[:100]}.")

    def at(self, addresses: list[str], storage: str) -> list[ResultFile]:
        """Return the files at the addresses of a result in ``storage`` that may be given out."""
        return self._declared.look(addresses, storage)[0]

    def declared_files(self, key: Key) -> list[ResultFile]:
        """Return the files of a key's result that lie elsewhere than under it."""
        place = _place(key, *self.known(key))
        return self.at(place.results, place.storage) if place else []

    def storage_of(self, key: Key) -> Storage:
        """Return the store that a key's log and parameters are in, as far as its runs tell."""
        place = _place(key, *self.known(key))
        stores = self._stores(place.storage if place else default_name(self._settings))
        having = (name for name in stores[:-1] if storage_named(name).list_files(key))
        return storage_named(next(having, stores[-1]))

    def _root_status(self, key: Key, run: Run, task: TaskRow | None) -> Status:
        own = task if task is not None and task.run_id == run.id else None
        found = self.of_run(run, own) if run.status == DONE else Found(run.storage)
        status, note = (UNKNOWN, found.note or DROPPED) if found.missing else (run.status, None)
        file = run.output or ""
        return Status(key, status, file, found.storage, run, own, note, results=found.files)

    def _task_status(self, key: Key, file: str | None, run: Run, task: TaskRow) -> Status:
        place = _place_of_task(run, task)
        status, note, found = task.status, None, Found(place.storage)
        if status == DONE:
            found = self.look(key, place, file)
            status, note = (UNKNOWN, found.note or DROPPED) if found.missing else (DONE, None)
        elif status == FAILED:
            # What one run reports harms no other's result: it may be there all the same.
            found = self.look(key, place, file)
            status = DONE if found.files and not found.missing else FAILED
        elif status in ACTIVE and run.status not in ACTIVE:
            # Its run ended without it; a result may have come from elsewhere since.
            found = self.look(key, place, file)
            status = DONE if found.files and not found.missing else UNKNOWN
            note = None if status == DONE else f"run {run.id} ended before this task could run"
        name = _name(key, found) or place.output or ""
        return Status(key, status, name, found.storage, run, task, note, results=found.files)

    def _alone(self, key: Key, file: str | None) -> Found | None:
        """Return what lies under a key that no run is known to have made: Luigi alone did, or a copy."""
        for storage in dict.fromkeys((default_name(self._settings), "local")):
            files = self._under_key(key, storage, None, file)
            if files:
                return Found(storage, files)
        return None

    def _under_key(
        self, key: Key, name: str, output: str | None, file: str | None
    ) -> list[ResultFile]:
        storage = storage_named(name)
        info = storage.info(key, output or file or DEFAULT_OUTPUT)
        if info is not None:
            return [under_key(storage, key, info)]
        if output:
            return []
        files = [info for info in storage.list_files(key) if not is_ours(info.name)]
        return [under_key(storage, key, info) for info in files]

    def _stores(self, storage: str) -> list[str]:
        """Return where to look, in turn: what is here comes before another environment's."""
        return ["local", storage] if self._is_elsewhere(storage) else [storage]

    def _is_elsewhere(self, storage: str) -> bool:
        is_s3 = kind_of(storage) == "s3"
        return self._settings.is_local and is_s3 and storage != store_address("s3")


def _name(key: Key, found: Found) -> str:
    """Return the name of the one file that lies under the key, or an empty text."""
    names = [file.name for file in found.files if _lies_under(file, key)]
    return names[0] if len(names) == 1 else ""


def _lies_under(file: ResultFile, key: Key) -> bool:
    return (str(file.path) if file.path else file.object).endswith(f"{key}/{file.name}")


def _place(key: Key, run: Run | None, task: TaskRow | None) -> Place | None:
    if run is not None and run.key == str(key):
        return _place_of_run(run, task if task and task.run_id == run.id else None)
    return _place_of_task(run, task) if run and task else None


def _place_of_run(run: Run, own: TaskRow | None) -> Place:
    results = (own.results if own else []) or run.results
    return Place(run.storage, run.output, results)


def _place_of_task(run: Run, task: TaskRow) -> Place:
    told = task.storage is not None
    return Place(task.storage or run.storage, task.output, task.results, told)
