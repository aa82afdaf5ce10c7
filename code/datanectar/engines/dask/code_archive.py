"""A project's code as one archive, named after what is in it.

A run takes it to the workers, so that they need no deployment: the code of a run is that of its
project at the moment when the run's first task was submitted.
"""

from __future__ import annotations

import hashlib
import io
import os
import shutil
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path

import datanectar
from datanectar.errors import ChainError

#: Bytes of an archive at most: it passes through the scheduler's memory.
_MOST = 50_000_000
_PACKAGE = Path(datanectar.__file__).parent
#: The time of every file in an archive: equal files, equal archives.
_TIME = (1980, 1, 1, 0, 0, 0)


def pack(code: Path) -> tuple[str, bytes]:
    """Return a digest of a folder's files, and the files as an archive.

    Hidden files, caches of Python and datanectar itself, if it lies there, are left out.

    Raises:
        ChainError: when the archive is too large.
    """
    digest, memory = hashlib.sha256(), io.BytesIO()
    with zipfile.ZipFile(memory, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for file in sorted(_files(code)):
            name, content = file.relative_to(code).as_posix(), file.read_bytes()
            digest.update(f"{name}\0{len(content)}\0".encode() + content)
            archive.writestr(zipfile.ZipInfo(name, _TIME), content, zipfile.ZIP_DEFLATED)
            if memory.tell() > _MOST:
                raise ChainError(
                    f"{code} is too large to be sent to Dask's workers: over {_MOST // 10**6} MB. "
                    "Keep data elsewhere than beside the code."
                )
    return digest.hexdigest()[:32], memory.getvalue()


def unpack(archive: bytes, folder: Path) -> None:
    """Make ``folder`` the archive's, at once and whole; another thread or process may do the same."""
    if folder.is_dir():
        return
    folder.parent.mkdir(parents=True, exist_ok=True)
    temporary = Path(tempfile.mkdtemp(dir=folder.parent))
    with zipfile.ZipFile(io.BytesIO(archive)) as files:
        files.extractall(temporary)
    try:
        temporary.rename(folder)
    except OSError:  # it is there by now
        shutil.rmtree(temporary, ignore_errors=True)


def _files(code: Path) -> Iterator[Path]:
    for place, folders, names in os.walk(code):
        here = Path(place)
        folders[:] = [name for name in folders if _is_sent(here / name)]
        yield from (here / name for name in names if _is_sent(here / name))


def _is_sent(path: Path) -> bool:
    is_left_out = path.name.startswith(".") or path.name == "__pycache__" or path == _PACKAGE
    return not is_left_out and (path.is_dir() or path.is_file())
