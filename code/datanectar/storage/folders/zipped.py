"""A folder as a zip file that is made while it is sent: memory does not grow with it."""

from __future__ import annotations

import io
import time
import zipfile
from collections.abc import Iterator
from typing import Any

from datanectar.keys import Key
from datanectar.storage.base import Storage
from datanectar.storage.folders.contents import list_of, prefix_of, read_contents


def zipped(storage: Storage, key: Key, name: str) -> Iterator[bytes]:
    """Yield the files of a folder as a zip, in pieces of about a MiB at most.

    Raises:
        NotFound: when the folder is not there, or a file of it is not any more.
    """
    contents = read_contents(storage, key, name)
    info = storage.info(key, list_of(name))
    moment = time.localtime(info.modified if info else None)[:6]
    sink = _Sink()
    with zipfile.ZipFile(sink, "w") as archive:
        for path, size in sorted(contents.files.items()):
            entry = zipfile.ZipInfo(path, max(moment, (1980, 1, 1, 0, 0, 0)))
            entry.compress_type, entry.external_attr = zipfile.ZIP_DEFLATED, 0o644 << 16
            entry.file_size = size  # by which zipfile chooses the format for large files
            with archive.open(entry, "w") as target:
                for piece in storage.object_chunks(
                    f"{prefix_of(key, name, contents.version)}{path}"
                ):
                    target.write(piece)
                    yield from sink.taken()
    yield from sink.taken()


class _Sink(io.RawIOBase):
    """Keeps what the archive writes until it is taken."""

    def __init__(self) -> None:
        self._pieces: list[bytes] = []

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        self._pieces.append(bytes(data))
        return len(data)

    def taken(self) -> list[bytes]:
        """Return what was written since the last call."""
        pieces, self._pieces = self._pieces, []
        return pieces
