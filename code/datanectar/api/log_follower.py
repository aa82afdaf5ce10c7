"""A log that is followed: what is added to it, as server-sent events."""

from __future__ import annotations

import codecs
import contextlib
import hashlib
import json
import time
from collections.abc import Iterator
from pathlib import Path

from datanectar.errors import DatanectarError
from datanectar.http.event_stream import KEEP_ALIVE, STILL_HERE
from datanectar.keys import LOG_FILE, Key
from datanectar.service.service import Service
from datanectar.service.status import Status
from datanectar.statuses import ACTIVE
from datanectar.storage.base import Storage
from datanectar.storage.plain import open_plain, plain_stat

#: The most that one event carries, in bytes.
_PIECE = 64 * 1024


class LogSource:
    """Where a key's log is now: on this host while it is written, else in its store.

    Args:
        service: the service.
        key: the key.
        name: the log's file name: ``log``, or that of an earlier one.
    """

    def __init__(self, service: Service, key: Key, name: str = LOG_FILE) -> None:
        self._key = key
        self._name = name
        self._storage: Storage = service.storage_of(key)
        self._path = self._find(service)

    def version(self) -> tuple[object, int, float] | None:
        """Return the log's identity, its size in bytes, and its time (Unix); None without a log."""
        if self._path is None:
            info = self._storage.info(self._key, self._name)
            return ("stored", info.size, info.modified) if info else None
        stat = plain_stat(self._path)
        return stat and ((stat.st_dev, stat.st_ino), stat.st_size, stat.st_mtime)

    def read(self, start: int) -> Iterator[bytes]:
        """Yield the log from byte ``start`` on."""
        if self._path is None:
            yield from self._storage.read_chunks(self._key, self._name, start)
            return
        with open_plain(self._path) as stream:
            stream.seek(start)
            while piece := stream.read(_PIECE):
                yield piece

    def _find(self, service: Service) -> Path | None:
        if self._name == LOG_FILE:  # an earlier one is no longer written
            live = service.live_log(self._key)
            if live is not None:
                return Path(live)
        return self._storage.local_path(self._key, self._name)


class LogFollower:
    """Turns a log into server-sent events. An event's id is the offset at which to go on.

    Args:
        service: the service.
        status: the status of the log's key.
        name: the log's file name.
        offset: the byte to start at.
        tail: of a log that is longer, only so many bytes at its end are sent; None for all.
    """

    def __init__(
        self, service: Service, status: Status, name: str, offset: int, tail: int | None
    ) -> None:
        self._service = service
        self._key, self._file = status.key, status.file or None
        self._name = name
        self._tail = tail
        self._log: object = None
        self._start_at(offset)

    def events(self) -> Iterator[bytes]:
        """Yield the log's content, each addition to it, and ``end`` when its run has ended.

        An empty piece means that there is nothing new.
        """
        last_event = time.monotonic()
        while True:
            status = self._service.status(self._key, self._file)
            # The status is read before the log, so nothing is missed. Earlier logs are complete.
            has_ended = status.job_status not in ACTIVE or self._name != LOG_FILE
            for event in self._new_events(status):
                yield event
                last_event = time.monotonic()
            if has_ended:
                yield f"event: end\ndata: {status.job_status}\n\n".encode()
                return
            if time.monotonic() - last_event > KEEP_ALIVE:
                last_event = time.monotonic()
                yield STILL_HERE
            yield b""

    def _new_events(self, status: Status) -> Iterator[bytes]:
        source = LogSource(self._service, self._key, self._name)
        version = source.version()
        if version is None:
            return
        log, size, modified = version
        if self._name == LOG_FILE and _is_of_earlier_run(status, modified):
            return
        is_another = self._log is not None and log != self._log
        if size < self._offset or (is_another and not self._continues(source)):
            self._start_at(0)
            yield b"event: restart\ndata:\n\n"
        if self._log is None and self._tail is not None and size - self._offset > self._tail:
            self._start_at(size - self._tail)
            yield f"event: cut\ndata: {self._offset}\n\n".encode()
        self._log = log
        if size > self._offset:
            with contextlib.suppress(DatanectarError, OSError):
                for piece in source.read(self._offset):
                    yield self._event(piece)

    def _start_at(self, offset: int) -> None:
        self._offset = self._start = offset
        #: The digest of all that was sent: it shows that a log was moved, and is not a new one.
        self._sent = hashlib.md5(usedforsecurity=False)
        self._decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")

    def _continues(self, source: LogSource) -> bool:
        """Tell whether a log begins with all that was sent: it is the same one in another place."""
        left = self._offset - self._start
        if not left:
            return self._offset == 0
        found = hashlib.md5(usedforsecurity=False)
        with contextlib.suppress(DatanectarError, OSError):
            for piece in source.read(self._start):
                found.update(piece[:left])
                left -= len(piece[:left])
                if not left:
                    break
        return found.digest() == self._sent.digest()

    def _event(self, piece: bytes) -> bytes:
        self._offset += len(piece)
        self._sent.update(piece)
        text = self._decoder.decode(piece)
        # The bytes of an incomplete character at the end are sent with the next piece.
        next_id = self._offset - len(self._decoder.getstate()[0])
        # JSON escapes line ends, which would end the event.
        return f"id: {next_id}\ndata: {json.dumps(text)}\n\n".encode()


def _is_of_earlier_run(status: Status, modified: float) -> bool:
    """Tell whether the log is an earlier run's: the current one has not begun its own yet."""
    run = status.run
    if run is None or run.status not in ACTIVE or run.key != str(status.key):
        return False
    return run.started is None or modified < run.started
