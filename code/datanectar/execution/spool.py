"""The folder of one attempt on its host: how files in it are named. Both sides agree here."""

from __future__ import annotations

import hashlib
from pathlib import Path

from datanectar.keys import Key

#: The environment variable that names this folder to all that an attempt starts.
SPOOL_VARIABLE = "DATANECTAR_SPOOL"
#: What a run says outside its tasks: scheduling, imports, luigid's answers.
RUN_LOG = "run.log"


def spool_folder(state: Path, run_id: str, attempt: int, member: int = 0) -> Path:
    """Return the folder of one attempt, or of one that assists it."""
    name = f"{run_id}-{attempt}" if member == 0 else f"{run_id}-{attempt}-{member}"
    return state / "spool" / name


def spooled_log(spool: Path, key: Key) -> Path:
    """Return where an attempt spools the log of a task bound for S3."""
    return spool / key.type / key.chain / key.task / f"{key.md5}.log"


def begun_marker(spool: Path, key: Key) -> Path:
    """Return the file that says that a task's log was begun in this attempt.

    Every task of every run makes one: it is beside the run log, in no folder of its own, and but
    another name for it, since to make a file costs the file system more than to name one.
    """
    return spool / f"{hashlib.md5(str(key).encode(), usedforsecurity=False).hexdigest()}.begun"


def key_of_spooled(spool: Path, log: Path) -> Key:
    """Return whose log a spooled log is."""
    return Key(*log.relative_to(spool).with_suffix("").parts)


def unshipped(spool: Path) -> list[Path]:
    """Return the spooled logs that have grown since they were last copied."""
    return [file for file in sorted(spool.glob("*/*/*/*.log")) if _has_grown(file)]


def _has_grown(file: Path) -> bool:
    try:
        return file.stat().st_size != int(file.with_suffix(".shipped").read_text())
    except FileNotFoundError:
        return True
