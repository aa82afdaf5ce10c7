"""``/api/chainstatus``, ``/api/chainlog`` and ``/api/chaingraph``: one key, from its POST on."""

from __future__ import annotations

import codecs
import contextlib
import hashlib
import json
import threading
import time
from collections.abc import Iterator
from pathlib import Path

from flask import Blueprint, Response, request

from datanectar.errors import BadRequest, DatanectarError, NotFound, Unavailable
from datanectar.http.envelope import answer
from datanectar.http.serializers import graph_data, status_data
from datanectar.keys import LOG_FILE, Key, parse_target
from datanectar.service.service import Service
from datanectar.service.status import Status
from datanectar.statuses import ACTIVE, DONE
from datanectar.storage.base import Storage
from datanectar.storage.plain import open_plain, plain_stat

#: Seconds between two looks at a log that is followed, and between signs of life to a proxy.
_FOLLOW_STEP = 0.2
_HEARTBEAT = 15.0
#: The most that one event carries, in bytes.
_PIECE = 64 * 1024
#: In place of the log of what was done before any run.
_NO_LOG = "The result was there before any run of this service: there is no log of its making.\n"


def blueprint(service: Service) -> Blueprint:
    """Return the three routes."""
    routes = Blueprint("status", __name__, url_prefix="/api")
    # A follower keeps a thread; half of them stay free for everybody else.
    followers = threading.Semaphore(max(1, service.settings.web_threads // 2))

    @routes.get("/chainstatus")
    def chainstatus() -> Response:
        key, file = asked_key()
        return answer(status_data(service.status(key, file)))

    @routes.get("/chainlog")
    def chainlog() -> Response:
        key, file = asked_key()
        status = service.status(key, file)
        if request.accept_mimetypes.best == "text/event-stream":
            return _follow(service, status, followers)
        return _whole_log(service, status)

    @routes.get("/chaingraph")
    def chaingraph() -> Response:
        key, file = asked_key()
        run = service.status(key, file).run
        return answer(graph_data(service.tasks(run) if run else []))

    return routes


def asked_key() -> tuple[Key, str | None]:
    """Return the key and, if it is named, the file that the ``chain`` argument spells.

    Raises:
        BadRequest: when it is missing or malformed.
    """
    text = request.args.get("chain")
    if not text:
        raise BadRequest(
            "Say which: ?chain=chains/<type>/<chain>/<Task>/<md5>/out.txt",
            fields={"chain": "required"},
        )
    return parse_target(text)


# --- logs ----------------------------------------------------------------------------------


class _LogSource:
    """Where a key's log is now: on this host while it is written, else in its store."""

    def __init__(self, service: Service, key: Key, name: str = LOG_FILE) -> None:
        self._key = key
        self._name = name
        self._storage: Storage = service.storage_of(key)
        self._path = self._find(service)

    def look(self) -> tuple[object, int, float] | None:
        """Return what tells this log from an earlier one, its size, and its time; None without one."""
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


def _whole_log(service: Service, status: Status) -> Response:
    name = _asked_log(service, status.key)
    source = _LogSource(service, status.key, name)
    if source.look() is None:
        if status.job_status in ACTIVE and name == LOG_FILE:
            return Response("", mimetype="text/plain")  # asked for, and nothing written yet
        if (
            status.job_status == DONE
            and name == LOG_FILE
            and not (status.run and status.run.attempt)
        ):
            return Response(_NO_LOG, mimetype="text/plain")
        raise NotFound(f"{status.key} has no {name}.")
    return Response(source.read(0), mimetype="text/plain", headers={"X-Accel-Buffering": "no"})


def _asked_log(service: Service, key: Key) -> str:
    """Return the name of the log that ``attempt`` or ``run`` asks for, else the latest's.

    Raises:
        BadRequest: when ``attempt`` is no number.
        NotFound: when there is no such run.
    """
    attempt, run_id = request.args.get("attempt", ""), request.args.get("run", "")
    if attempt and not (attempt.isdecimal() and len(attempt) < 6):
        raise BadRequest(
            "attempt is the number of an earlier log: 1, 2...", fields={"attempt": "a number"}
        )
    if attempt:
        return f"{LOG_FILE}.{int(attempt)}"
    return service.log_of_run(service.run(run_id), key) if run_id else LOG_FILE


def _follow(service: Service, status: Status, followers: threading.Semaphore) -> Response:
    tail = _tail()  # refused before it takes a follower's place
    name = _asked_log(service, status.key)
    if not followers.acquire(blocking=False):
        raise Unavailable(
            "Too many logs are being followed; try again, or read without following.",
            headers={"Retry-After": "5"},
        )
    headers = {"X-Accel-Buffering": "no", "Cache-Control": "no-store"}
    events = _Follower(service, status, name, _last_seen(), tail).events()
    response = Response(events, mimetype="text/event-stream", headers=headers)
    response.call_on_close(followers.release)
    return response


def _last_seen() -> int:
    text = request.headers.get("Last-Event-ID", "0")
    return int(text) if text.isdecimal() and len(text) < 16 else 0


def _tail() -> int | None:
    """Return the bytes of a long log's end that are enough, or None when all of it is wanted.

    Raises:
        BadRequest: when ``tail`` is no number.
    """
    text = request.args.get("tail")
    if text is not None and not (text.isdecimal() and len(text) < 16):
        raise BadRequest("tail is a number of bytes.", fields={"tail": "a number of bytes"})
    return int(text) if text else None


class _Follower:
    """Turns a log into server-sent events; an event's id is the byte after it, to go on from."""

    def __init__(
        self, service: Service, status: Status, name: str, offset: int, tail: int | None
    ) -> None:
        self._service = service
        self._key, self._file = status.key, status.file or None
        self._name = name
        self._offset = offset
        self._tail = tail
        self._log: object = None
        #: Where the text that was sent begins, and its digest: a log that was moved is no new one.
        self._begun = offset
        self._sent = hashlib.md5(usedforsecurity=False)
        self._decoder = _new_decoder()

    def events(self) -> Iterator[bytes]:
        """Yield what is there, what comes, and the end."""
        quiet_since = time.monotonic()
        while True:
            status = self._service.status(self._key, self._file)
            # Asked before reading: nothing is missed. An earlier attempt's log is whole.
            ended = status.job_status not in ACTIVE or self._name != LOG_FILE
            for event in self._news(status):
                yield event
                quiet_since = time.monotonic()
            if ended:
                yield f"event: end\ndata: {status.job_status}\n\n".encode()
                return
            if time.monotonic() - quiet_since > _HEARTBEAT:
                quiet_since = time.monotonic()
                yield b": still here\n\n"
            time.sleep(_FOLLOW_STEP)

    def _news(self, status: Status) -> Iterator[bytes]:
        source = _LogSource(self._service, self._key, self._name)
        look = source.look()
        if look is None:
            return
        if self._name == LOG_FILE and _is_of_earlier_run(status, look[2]):
            return
        log, size, _ = look
        is_another = self._log is not None and log != self._log
        if size < self._offset or (is_another and not self._goes_on(source)):
            self._begin_at(0)
            yield b"event: restart\ndata:\n\n"
        if self._log is None and self._tail is not None and size - self._offset > self._tail:
            self._begin_at(size - self._tail)
            yield f"event: cut\ndata: {self._offset}\n\n".encode()
        self._log = log
        if size > self._offset:
            with contextlib.suppress(DatanectarError, OSError):
                for piece in source.read(self._offset):
                    yield self._event(piece)

    def _begin_at(self, offset: int) -> None:
        self._offset = self._begun = offset
        self._sent = hashlib.md5(usedforsecurity=False)
        self._decoder = _new_decoder()

    def _goes_on(self, source: _LogSource) -> bool:
        """Tell whether a log begins with all that was sent: the same one, in another place by now."""
        left = self._offset - self._begun
        if not left:
            return self._offset == 0
        found = hashlib.md5(usedforsecurity=False)
        with contextlib.suppress(DatanectarError, OSError):
            for piece in source.read(self._begun):
                found.update(piece[:left])
                left -= len(piece[:left])
                if not left:
                    break
        return found.digest() == self._sent.digest()

    def _event(self, piece: bytes) -> bytes:
        self._offset += len(piece)
        self._sent.update(piece)
        text = self._decoder.decode(piece)
        # A character that is cut off at the end comes with the next piece.
        whole = self._offset - len(self._decoder.getstate()[0])
        # JSON keeps carriage returns, line ends and broken characters apart from the protocol's own.
        return f"id: {whole}\ndata: {json.dumps(text)}\n\n".encode()


def _new_decoder() -> codecs.IncrementalDecoder:
    return codecs.getincrementaldecoder("utf-8")(errors="replace")


def _is_of_earlier_run(status: Status, modified: float) -> bool:
    """Tell whether a log was left by a run before the one that is about to begin its own."""
    run = status.run
    if run is None or run.status not in ACTIVE or run.key != str(status.key):
        return False
    return run.started is None or modified < run.started
