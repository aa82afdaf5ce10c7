"""The files of one attempt on its host, and their names. Worker and children both use these.

The files of an attempt lie side by side and begin with its name. Logs that are to be uploaded lie in
a folder of that name; an attempt without such logs has no folder, since making and deleting folders
is a large part of what a small run costs.
"""

from __future__ import annotations

import contextlib
import hashlib
import re
import shutil
from dataclasses import dataclass
from pathlib import Path

from datanectar.keys import Key

#: The environment variable that names the attempt's folder to all processes that it starts.
ATTEMPT_VARIABLE = "DATANECTAR_ATTEMPT_DIR"

#: The folder of all attempts in the state folder: its name of earlier versions, so that logs that
#: were not uploaded before an upgrade are uploaded after it.
_FOLDER = "spool"

#: What the name of an attempt's folder, and of a file beside it, begins with.
_ATTEMPT = re.compile(r"(?P<name>(?P<run_id>[0-9a-z]{26})-(?P<number>\d{1,9})(-\d{1,9})?)(\.|\Z)")


@dataclass(frozen=True)
class AttemptName:
    """An attempt at a run, or one that assists it, and its folder."""

    run_id: str
    number: int
    attempt_dir: Path


def attempt_folder(state: Path, run_id: str, attempt: int, assistant: int = 0) -> Path:
    """Return the folder of one attempt, or of one that assists it."""
    name = f"{run_id}-{attempt}" if assistant == 0 else f"{run_id}-{attempt}-{assistant}"
    return state / _FOLDER / name


def attempt_log(attempt_dir: Path, key: Key, store: str) -> Path:
    """Return where an attempt writes the log of a task that is to be uploaded.

    Args:
        store: the name of the store that it is uploaded to, such as ``s3``.
    """
    return attempt_dir / key.type / key.chain / key.task / f"{key.md5}.{store}.log"


def find_attempt_log(attempt_dir: Path, key: Key) -> Path | None:
    """Return the log of a task that is to be uploaded, for whatever store; None without one."""
    folder = attempt_dir / key.type / key.chain / key.task
    return next(folder.glob(f"{key.md5}.*log"), None)


def parse_attempt_log(attempt_dir: Path, log: Path) -> tuple[Key, str]:
    """Return the key of a log that is to be uploaded, and the name of its store.

    The store's name is empty for a log that an earlier version has left.
    """
    type, chain, task, name = log.relative_to(attempt_dir).parts
    md5, _, rest = name.partition(".")
    return Key(type, chain, task, md5), rest.rpartition(".")[0]


def run_log(attempt_dir: Path) -> Path:
    """Return the file with a run's output outside of its tasks: scheduling, imports, luigid's errors."""
    return attempt_dir.with_name(f"{attempt_dir.name}.log")


def begun_marker(attempt_dir: Path, key: Key) -> Path:
    """Return the file whose existence means that a task's log was begun in this attempt.

    Every task of every run has one. It is a hard link to the run log, which is cheaper than a file.
    """
    digest = hashlib.md5(str(key).encode(), usedforsecurity=False).hexdigest()
    return attempt_dir.with_name(f"{attempt_dir.name}.{digest}.begun")


def attempts(state: Path) -> list[AttemptName]:
    """Return every attempt that has files, including those of other hosts in a shared folder."""
    found = {}
    with contextlib.suppress(OSError):
        for file in sorted((state / _FOLDER).iterdir()):
            if match := _ATTEMPT.match(file.name):
                attempt_dir = file.with_name(match["name"])
                found[attempt_dir] = AttemptName(match["run_id"], int(match["number"]), attempt_dir)
    return list(found.values())


def last_change(attempt_dir: Path) -> float:
    """Return when the files of an attempt last changed, a Unix stamp; 0 when there are none."""
    latest = 0.0
    for pattern in (attempt_dir.name, f"{attempt_dir.name}.*", f"{attempt_dir.name}/*/*/*/*"):
        for file in attempt_dir.parent.glob(pattern):
            with contextlib.suppress(OSError):
                latest = max(latest, file.stat().st_mtime)
    return latest


def clear(attempt_dir: Path) -> None:
    """Remove all files of an attempt."""
    shutil.rmtree(attempt_dir, ignore_errors=True)
    with contextlib.suppress(OSError):
        for file in attempt_dir.parent.iterdir():
            if file.name.startswith(f"{attempt_dir.name}."):
                file.unlink(missing_ok=True)


def not_uploaded(attempt_dir: Path) -> list[Path]:
    """Return the logs that have grown since they were last uploaded."""
    if not attempt_dir.is_dir():
        return []
    return [file for file in sorted(attempt_dir.glob("*/*/*/*.log")) if _has_grown(file)]


def mark_uploaded(log: Path, size: int) -> None:
    """Record that the first ``size`` bytes of a log were uploaded."""
    _mark(log).write_text(str(size))


def _mark(log: Path) -> Path:
    return log.with_suffix(".uploaded")


def _has_grown(log: Path) -> bool:
    try:
        return log.stat().st_size != int(_mark(log).read_text())
    except (OSError, ValueError):  # never uploaded, or the mark was not written whole
        return True
