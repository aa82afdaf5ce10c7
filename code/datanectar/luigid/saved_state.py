"""What luigid saves when it stops (``luigid.pickle``), read with care when it starts."""

from __future__ import annotations

import io
import logging
import os
import pickle
from pathlib import Path
from typing import Any

from luigi.scheduler import Task, Worker

from datanectar.permissions import is_closed_to_others

#: A file on which others have these rights may have been written by somebody else.
_WRITE_RIGHTS = 0o022

_logger = logging.getLogger("luigi.scheduler")


def load_once(state: Any) -> None:
    """Load the saved state and remove its file; replaces luigi/scheduler.py ``SimpleTaskState.load``.

    Without the removal, after a crash luigid would load an old state, believe that ended tasks still
    run, and let runs wait for them. The file is a pickle, which can run any code: it is not read when
    somebody else may have written it. A file that can't be read counts as none.
    """
    file = Path(state._state_path)
    try:
        saved = _read_own(file)
        if saved is not None:
            _restore(state, saved)
    except Exception as problem:
        _logger.warning("%s can't be read, and is left out: %r", file, problem)
        state._tasks, state._active_workers, state._task_batchers = {}, {}, {}
        state._status_tasks.clear()
    try:
        file.unlink(missing_ok=True)
    except OSError as problem:
        _logger.warning("%s can't be removed: %s", file, problem)


def _read_own(file: Path) -> bytes | None:
    try:
        descriptor = os.open(file, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except FileNotFoundError:
        return None
    with open(descriptor, "rb") as stream:  # noqa: PTH123
        if not is_closed_to_others(os.fstat(descriptor), _WRITE_RIGHTS):
            raise PermissionError("another user may have written it")
        return stream.read()


def _restore(state: Any, saved: bytes) -> None:
    tasks, workers, batchers = pickle.load(io.BytesIO(saved))  # noqa: S301
    by_status = [(task.status, task.id, task) for task in tasks.values()]
    for known, kind in ((tasks, Task), (workers, Worker)):
        if not all(isinstance(each, kind) for each in known.values()):
            raise TypeError("it holds something else")
    state.set_state((tasks, workers, dict(batchers)))
    for status, task_id, task in by_status:
        state._status_tasks[status][task_id] = task
