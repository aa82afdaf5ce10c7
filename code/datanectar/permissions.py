"""Files and folders that only their owner may use, on a machine with other users.

The modes are set file by file and not by the umask: results and their logs keep the user's own.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import stat
from pathlib import Path

from datanectar.errors import StartupError

_FOLDER, _FILE = 0o700, 0o600
_OTHERS = stat.S_IRWXG | stat.S_IRWXO


def private_folder(folder: Path) -> str | None:
    """Make a folder that only its owner can use, or close the one there, with its files, to others.

    Returns:
        A warning for the user when others had access until now, or may still have it; else None.

    Raises:
        StartupError: when it can't be made or listed.
    """
    try:
        folder.mkdir(mode=_FOLDER, parents=True, exist_ok=True)
        warning = _close_folder(folder)
        for file in folder.iterdir():
            # A pickle keeps its mode: luigid/saved_state.py reads none that others could write.
            if file.suffix != ".pickle":
                _close(file)
    except OSError as problem:
        raise StartupError(
            f"{folder} can't be used ({problem.strerror}): DATANECTAR_STATE names another place."
        ) from problem
    return warning


def _close_folder(folder: Path) -> str | None:
    status = folder.stat()
    if status.st_uid != os.geteuid():
        return (
            f"{folder} belongs to another user (uid {status.st_uid}), who can read and change what is "
            "in it; DATANECTAR_STATE names another place."
        )
    if not status.st_mode & _OTHERS:
        return None
    try:
        folder.chmod(_FOLDER)
    except PermissionError:  # a file system without owners
        return (
            f"{folder} can't be closed to other users there; DATANECTAR_STATE names another place."
        )
    return f"{folder} was open to other users; it is yours alone now."


def private_file(file: Path) -> None:
    """Make an empty file that only its owner can use, or close the one there to others.

    Raises:
        OSError: when it can't be made.
    """
    os.close(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, _FILE))
    _close(file)


def private_database(file: Path) -> None:
    """Make a SQLite file that only its owner can use, or close the one there, with its log, to others.

    SQLite gives the files that it makes beside it the same mode.

    Raises:
        OSError: when it can't be made.
    """
    private_file(file)
    for ending in ("-wal", "-shm"):
        _close(file.with_name(file.name + ending))


def write_private(file: Path, text: str) -> None:
    """Write a file that only this user can use, in one step: a reader finds the old or the new text.

    Raises:
        OSError: when it can't be written.
    """
    hidden = file.with_name(f".{file.name}.{secrets.token_hex(8)}")
    descriptor = os.open(hidden, os.O_WRONLY | os.O_CREAT | os.O_EXCL, _FILE)
    with open(descriptor, "w") as stream:  # noqa: PTH123
        stream.write(text)
    hidden.replace(file)


def read_private(file: Path) -> str | None:
    """Return the text of a file that only this user can use, else None; also when it is empty."""
    try:
        descriptor = os.open(file, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError:
        return None
    with open(descriptor) as stream:  # noqa: PTH123
        is_private = is_closed_to_others(os.fstat(descriptor), _OTHERS)
        return stream.read().strip() or None if is_private else None


def is_closed_to_others(status: os.stat_result, rights: int) -> bool:
    """Tell whether this is a plain file of this user's, and others have none of the ``rights``."""
    is_own = stat.S_ISREG(status.st_mode) and status.st_uid == os.getuid()
    return is_own and not status.st_mode & rights


def _close(file: Path) -> None:
    """Take all rights from others, if the file is this user's."""
    with contextlib.suppress(FileNotFoundError, PermissionError):  # SQLite's files come and go
        status = file.lstat()
        if status.st_uid == os.geteuid() and status.st_mode & _OTHERS and not file.is_symlink():
            file.chmod(stat.S_IMODE(status.st_mode) & ~_OTHERS)
