"""Why an attempt ended whose child reported no outcome, and the logs that it is written into."""

from __future__ import annotations

import contextlib
import logging
import os
import shutil
import signal
from enum import Enum
from pathlib import Path

from datanectar.attempt_files import (
    attempt_log,
    begun_marker,
    find_attempt_log,
    run_log,
)
from datanectar.errors import DatanectarError
from datanectar.forkserver.handle import Handle
from datanectar.keys import LOG_FILE, Key, parse_key
from datanectar.messages import TaskReport
from datanectar.reasons import oom_kills
from datanectar.runs.records import Run
from datanectar.storage.earlier import keep_earlier
from datanectar.storage.plain import plain_stat
from datanectar.storage.registry import name_of, storage_named
from datanectar.worker.task_graph import TaskGraph

log = logging.getLogger(__name__)


class Stop(Enum):
    """Why a worker ends an attempt; the value is the reason, or its beginning."""

    CANCELLED = "cancelled"
    SUPERSEDED = "another worker has the run"
    HANDED_BACK = "its worker was stopped"
    LEASE_ENDED = "its worker could not reach the run store in time"
    TIME_LIMIT = "time limit"
    ERROR = "its supervision failed"


def ask_to_end(child: Handle) -> None:
    """Send a child SIGTERM; harmless when it has ended."""
    with contextlib.suppress(ProcessLookupError):
        if not child.has_ended:
            os.kill(child.pid, signal.SIGTERM)


def reason_of_child(child: Handle, oom_kills_before: int) -> str:
    """Return why a child ended that was not stopped.

    Args:
        oom_kills_before: what :func:`oom_kills` returned before the child had its job.
    """
    end = child.wait_end()
    if end == "killed by SIGKILL" and oom_kills() > oom_kills_before:
        return "killed: out of memory"
    if child.was_killed:
        return f"the run's process was {end}"
    return f"the run's process ended itself ({end}) before the run was over"


def write_reason(
    reason: str, run: Run, graph: TaskGraph, attempt_dir: Path, local_targets: Path
) -> None:
    """Append the reason to the logs of the tasks that ran, and to the log of the root.

    Args:
        graph: the run's; a log that is made for the root is noted in it.
        attempt_dir: the attempt's folder.
        local_targets: where local results and their logs are.
    """
    keys = [parse_key(task.key) for task in graph.running() if task.key]
    files = [_open_log(key, attempt_dir, local_targets) for key in keys]
    for file in [*files, _log_of_root(run, graph, attempt_dir)]:
        if file is not None:
            with contextlib.suppress(OSError), file.open("a") as stream:
                stream.write(f"\n{reason}\n")


def _open_log(key: Key, attempt_dir: Path, local_targets: Path) -> Path | None:
    """Return the log that a running task writes."""
    candidates = find_attempt_log(attempt_dir, key), local_targets / key.file(LOG_FILE)
    return next((file for file in candidates if file and plain_stat(file)), None)


def _log_of_root(run: Run, graph: TaskGraph, attempt_dir: Path) -> Path | None:
    """Make the run log the log of a root that was not started; return the log."""
    key, source = parse_key(run.key), run_log(attempt_dir)
    if begun_marker(attempt_dir, key).exists() or not plain_stat(source):
        return None
    try:
        storage = storage_named(run.storage)
        if path := storage.local_path(key, LOG_FILE):
            number = keep_earlier(storage, key, LOG_FILE)
            storage.put_file(key, LOG_FILE, source)
            if run.task_id in graph:
                graph.add(TaskReport(run.task_id, log_number=number))
            return path
        path = attempt_log(attempt_dir, key, name_of(run.storage))
        path.parent.mkdir(parents=True, exist_ok=True)
        return Path(shutil.copyfile(source, path))
    except (DatanectarError, OSError) as problem:
        log.warning("run %s: its log could not be kept: %s", run.id, problem)
        return None
