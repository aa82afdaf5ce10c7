"""What is the owner's alone: folders and files that no other user of the machine may read.

The modes are set one by one, never by the umask: results and their logs keep the user's own.
"""

from __future__ import annotations

import contextlib
import os
import stat
from pathlib import Path

from datanectar.errors import StartupError

_FOLDER, _FILE = 0o700, 0o600
_OTHERS = stat.S_IRWXG | stat.S_IRWXO


def private_folder(folder: Path) -> str | None:
    """Make a folder, or see that the one there and the files in it are its owner's alone.

    Returns:
        A line for the user when others had access until now, or may still have it; else None.

    Raises:
        StartupError: when it can't be made or looked into.
    """
    try:
        folder.mkdir(mode=_FOLDER, parents=True, exist_ok=True)
        found = folder.stat()
        told = _close(folder, found)
        for file in folder.iterdir():
            # Who may have written a pickle is to be seen when it is read (``luigid_server``).
            if file.suffix != ".pickle":
                _tighten(file)
    except OSError as problem:
        raise StartupError(
            f"{folder} can't be used ({problem.strerror}): DATANECTAR_STATE names another place."
        ) from problem
    return told


def _close(folder: Path, found: os.stat_result) -> str | None:
    if found.st_uid != os.geteuid():
        return (
            f"{folder} belongs to another user (uid {found.st_uid}), who can read and change what is "
            "in it; DATANECTAR_STATE names another place."
        )
    if not found.st_mode & _OTHERS:
        return None
    try:
        folder.chmod(_FOLDER)
    except PermissionError:  # a file system without owners
        return (
            f"{folder} can't be closed to other users there; DATANECTAR_STATE names another place."
        )
    return f"{folder} was open to other users; it is yours alone now."


def private_file(file: Path) -> None:
    """Make an empty file that is its owner's alone, or see that the one there is.

    Raises:
        OSError: when it can't be made.
    """
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, _FILE)
    os.close(descriptor)
    _tighten(file)


def private_database(file: Path) -> None:
    """Make a SQLite file that is its owner's alone, or see that the one there is, with its log.

    What SQLite itself makes beside it gets its mode.

    Raises:
        OSError: when it can't be made.
    """
    private_file(file)
    for ending in ("-wal", "-shm"):
        _tighten(file.with_name(file.name + ending))


def _tighten(file: Path) -> None:
    """Take a file's or folder's rights from all others, where it is ours to do so."""
    with contextlib.suppress(FileNotFoundError, PermissionError):  # SQLite's come and go
        found = file.lstat()
        if found.st_uid == os.geteuid() and found.st_mode & _OTHERS and not file.is_symlink():
            file.chmod(stat.S_IMODE(found.st_mode) & ~_OTHERS)
