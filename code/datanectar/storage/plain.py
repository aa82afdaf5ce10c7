"""Plain files: only these are served, since a link in an author's folder could lead anywhere.

A folder may be a link, to a larger disk for example; a file may not, whatever it leads to. A hard
link can't be told from the file that it was made of.
"""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path
from typing import BinaryIO


def plain_stat(path: Path) -> os.stat_result | None:
    """Return the status of a plain file; None for a link, a folder, a device, and a missing file.

    Raises:
        OSError: when the system refuses to say.
    """
    try:
        found = path.lstat()
    except (FileNotFoundError, NotADirectoryError):
        return None
    return found if stat.S_ISREG(found.st_mode) else None


def open_plain(path: Path) -> BinaryIO:
    """Open a plain file to read its bytes. It follows no link, and does not wait for a pipe.

    Raises:
        FileNotFoundError: when there is none, or a link, a folder or a device.
        OSError: when it can't be opened.
    """
    flags = os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK
    try:
        descriptor = os.open(path, flags)
    except OSError as problem:
        if problem.errno in (errno.ELOOP, errno.ENXIO, errno.ENOTDIR):
            raise _no_plain_file(path) from problem
        raise
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise _no_plain_file(path)
    return os.fdopen(descriptor, "rb")


def _no_plain_file(path: Path) -> FileNotFoundError:
    return FileNotFoundError(errno.ENOENT, "There is no plain file", str(path))
