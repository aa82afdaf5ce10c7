"""Where the log of a key is: on this host while it is written, then in the store of its results."""

from __future__ import annotations

from pathlib import Path

from datanectar.attempt_files import (
    attempt_folder,
    begun_marker,
    find_attempt_log,
    run_log,
)
from datanectar.keys import LOG_FILE, Key
from datanectar.runs.records import Run
from datanectar.runs.store import RunStore
from datanectar.statuses import RUNNING
from datanectar.storage.base import Storage


def live_log(store: RunStore, state: Path, key: Key) -> Path | None:
    """Return the path of a log that is among the files of a running attempt, or None.

    A log that is to be uploaded is there while its run goes on. A root that has not begun has the
    run's own log.

    Args:
        store: the run store.
        state: the folder of this host's files.
        key: the key of the task.
    """
    task = store.task_by_key(str(key))
    run = store.get(task.run_id) if task else store.latest(str(key))
    if run is None or run.status != RUNNING:
        return None
    attempt_dir = attempt_folder(state, run.id, run.attempt)
    own = find_attempt_log(attempt_dir, key)
    if own is not None:
        return own
    begun = begun_marker(attempt_dir, key).exists()
    before = run_log(attempt_dir)
    return before if run.key == str(key) and not begun and before.exists() else None


def log_name(store: RunStore, storage: Storage, run: Run, key: Key) -> str:
    """Return the name under which the log that a task wrote in a run is kept now.

    It is ``log`` until a later attempt has that name. A task that wrote none in this run, because it
    was done before, has the latest; so has one whose number was not recorded.
    """
    number = store.log_number(run.id, str(key))
    if number is None:
        return LOG_FILE
    kept = f"{LOG_FILE}.{number}"
    return kept if storage.exists(key, kept) else LOG_FILE
