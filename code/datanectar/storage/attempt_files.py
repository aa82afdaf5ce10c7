"""The files of one attempt on its host: how they are named. Both sides agree here.

What every attempt has lies side by side, its name before theirs; logs bound for S3 lie in a folder of
that name, which others do without: to make and delete files and folders is the dearest of what a
small run asks of a file system.
"""

from __future__ import annotations

import contextlib
import hashlib
import re
import shutil
from dataclasses import dataclass
from pathlib import Path

from datanectar.keys import Key

#: The environment variable that names the folder to all that an attempt starts.
ATTEMPT_VARIABLE = "DATANECTAR_ATTEMPT_DIR"

#: What the name of an attempt's folder, and of a file beside it, begins with.
_ATTEMPT = re.compile(r"(?P<name>(?P<run_id>[0-9a-z]{26})-(?P<number>\d{1,9})(-\d{1,9})?)(\.|\Z)")


@dataclass(frozen=True)
class Attempt:
    """An attempt at a run, or one that assists it, and its folder."""

    run_id: str
    number: int
    attempt_dir: Path


def attempt_folder(state: Path, run_id: str, attempt: int, assistant: int = 0) -> Path:
    """Return the folder of one attempt, or of one that assists it."""
    name = f"{run_id}-{attempt}" if assistant == 0 else f"{run_id}-{attempt}-{assistant}"
    return state / "spool" / name


def attempt_log(attempt_dir: Path, key: Key) -> Path:
    """Return where an attempt spools the log of a task bound for S3."""
    return attempt_dir / key.type / key.chain / key.task / f"{key.md5}.log"


def run_log(attempt_dir: Path) -> Path:
    """Return the file of what a run says outside its tasks: scheduling, imports, luigid's answers."""
    return attempt_dir.with_name(f"{attempt_dir.name}.log")


def begun_marker(attempt_dir: Path, key: Key) -> Path:
    """Return the file that says that a task's log was begun in this attempt.

    Every task of every run has one: it is but another name for the run log.
    """
    digest = hashlib.md5(str(key).encode(), usedforsecurity=False).hexdigest()
    return attempt_dir.with_name(f"{attempt_dir.name}.{digest}.begun")


def attempts(state: Path) -> list[Attempt]:
    """Return every attempt of which there are files, those of other hosts in a shared folder too."""
    found = {}
    with contextlib.suppress(OSError):
        for file in sorted((state / "spool").iterdir()):
            if match := _ATTEMPT.match(file.name):
                attempt_dir = file.with_name(match["name"])
                found[attempt_dir] = Attempt(match["run_id"], int(match["number"]), attempt_dir)
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


def key_of_attempt_log(attempt_dir: Path, log: Path) -> Key:
    """Return whose log a spooled log is."""
    return Key(*log.relative_to(attempt_dir).with_suffix("").parts)


def not_uploaded(attempt_dir: Path) -> list[Path]:
    """Return the spooled logs that have grown since they were last copied."""
    if not attempt_dir.is_dir():
        return []
    return [file for file in sorted(attempt_dir.glob("*/*/*/*.log")) if _has_grown(file)]


def _has_grown(file: Path) -> bool:
    try:
        return file.stat().st_size != int(file.with_suffix(".shipped").read_text())
    except (OSError, ValueError):  # never copied, or its mark was not written whole
        return True
