"""The queue: Huey, over SQLite, PostgreSQL or Redis, by URL.

A message is a hint that a run is PENDING, and no more. The run store alone knows which runs are
PENDING, who runs them and in which attempt: a message that is lost is sent again from there, and a
second one finds nothing to do.

On the queue a message is a short JSON list, ``["run", "<run id>"]``. Huey itself would unpickle what
it finds there, and so run the code of anyone who can write to it.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import select
import sqlite3
import uuid
from collections.abc import Callable, Iterator
from typing import Any

from huey import Huey, PostgresHuey, RedisHuey
from huey.registry import Message
from huey.serializer import Serializer
from huey.storage import SqliteStorage

from datanectar.errors import StartupError, Unavailable
from datanectar.permissions import private_database
from datanectar.runs.ids import RUN_ID
from datanectar.settings import sqlite_file
from datanectar.telemetry.counts import QUEUE, count_error

log = logging.getLogger(__name__)

#: The name of the one Huey task.
_TASK = "deliver"

#: Seconds after which an idle consumer thread looks for a message though nothing woke it.
_LONGEST_SLEEP = 1.0

#: Seconds to wait for a connection to a server, and until a server that does not respond counts as
#: gone: the system's own limits are a quarter of an hour and more.
_CONNECT_SECONDS = 5
_RESPONSE_SECONDS = 20.0

#: A run is PENDING: (run id).
RUN_MESSAGE = "run"
#: A wide run that is RUNNING could use another worker: (run id, attempt, assistant).
ASSIST_MESSAGE = "assist"

#: How many whole numbers follow the run's id in each kind of message, and how large they may be.
_NUMBERS = {RUN_MESSAGE: 0, ASSIST_MESSAGE: 2}
_LARGEST_NUMBER = 1_000_000
#: More bytes than any message has.
_LONGEST_MESSAGE = 200


class _JsonSerializer(Serializer):
    """Writes a Huey message as the JSON list of its arguments: the rest of it is always the same.

    Args:
        task_name: the one Huey task that all messages are for.
    """

    def __init__(self, task_name: str) -> None:
        super().__init__()
        self._task_name = task_name

    def _serialize(self, data: Message) -> bytes:
        return json.dumps(data.args).encode()

    def _deserialize(self, data: bytes) -> Message:
        """Return the message, or one without arguments, so that Huey takes it off the queue."""
        arguments: tuple[Any, ...] = ()
        try:
            arguments = _checked(data)
        except (TypeError, ValueError, RecursionError):
            log.warning("This is dropped from the queue, it is no message: %.100r", data)
        return Message(str(uuid.uuid4()), self._task_name, args=arguments, kwargs={})


def _checked(data: bytes) -> tuple[Any, ...]:
    if len(data) > _LONGEST_MESSAGE:
        raise ValueError("too long")
    kind, run_id, *numbers = json.loads(data)
    is_whole = kind in _NUMBERS and len(numbers) == _NUMBERS[kind] and RUN_ID.match(run_id)
    if not (is_whole and all(type(n) is int and 0 < n <= _LARGEST_NUMBER for n in numbers)):
        raise ValueError("not a message")
    return (kind, run_id, *numbers)


class _WakingSqliteStorage(SqliteStorage):
    """Huey's SQLite storage, with a pipe beside the file that wakes a consumer thread.

    Huey polls SQLite (consumer.py ``Worker.sleep``): short intervals load an idle machine, long ones
    delay every run. PostgreSQL and Redis wake their readers by themselves.
    """

    blocking = True

    def __init__(self, name: str, filename: str, **options: Any) -> None:
        self._pipe_path = f"{filename}.wake"
        super().__init__(name, filename=filename, **options)
        with contextlib.suppress(FileExistsError):
            os.mkfifo(self._pipe_path, 0o600)
        # Opened for both: a read never finds the end of the file, a write never blocks or fails.
        self._pipe = os.open(self._pipe_path, os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)

    def _create_connection(self) -> sqlite3.Connection:
        # A message that a power cut takes is sent again from the run store, so no commit waits for
        # the disk. Huey offers FULL, and OFF, which can break the file (PRAGMA synchronous).
        connection: sqlite3.Connection = super()._create_connection()
        connection.execute("PRAGMA synchronous=NORMAL")
        return connection

    def enqueue(self, data: bytes, priority: float | None = None) -> None:
        super().enqueue(data, priority)
        with contextlib.suppress(BlockingIOError):
            os.write(self._pipe, b"x")

    def dequeue(self) -> Any:
        data = super().dequeue()
        if data is None:
            select.select([self._pipe], [], [], _LONGEST_SLEEP)
            data = super().dequeue()
        with contextlib.suppress(BlockingIOError):
            os.read(self._pipe, 1)  # one byte per message: more would wake a thread for nothing
        return data


class RunQueue:
    """Sends messages about runs, and has them handled.

    Args:
        url: ``sqlite:///file``, ``postgresql://...`` or ``redis://...``.
    """

    def __init__(self, url: str) -> None:
        self.url = url
        self.huey = _make_huey(url)
        self._handlers: dict[str, Callable[..., None]] = {}
        self._deliver = self.huey.task(name=_TASK)(self._handle)
        task = self._deliver.task_class
        self.huey.serializer = _JsonSerializer(f"{task.__module__}.{task.__name__}")

    def send(self, kind: str, *arguments: Any) -> None:
        """Put a message at the end of the queue.

        Raises:
            Unavailable: when the queue can't be reached.
        """
        with self._translated():
            self._deliver(kind, *arguments)

    def size(self) -> int:
        """Return how many messages wait.

        Raises:
            Unavailable: when the queue can't be reached.
        """
        with self._translated():
            return int(self.huey.pending_count())

    @contextlib.contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except Exception as problem:  # each driver has its own errors
            count_error(QUEUE, problem)
            raise Unavailable(
                f"The queue ({self.url.split(':')[0]}) can't be reached: {problem}"
            ) from problem

    def on(self, kind: str, handler: Callable[..., None]) -> None:
        """Handle messages of this kind by ``handler(*arguments)``, in a consumer's thread."""
        self._handlers[kind] = handler

    def _handle(self, *message: Any) -> None:
        if message:  # empty: it was dropped as it was read
            kind, *arguments = message
            self._handlers[kind](*arguments)


def _make_huey(url: str) -> Huey:
    scheme = url.split(":", 1)[0].split("+", 1)[0]
    options: dict[str, Any] = {"results": False, "store_none": False, "utc": True}
    try:
        if scheme == "sqlite":
            return _sqlite_huey(url, options)
        if scheme in ("postgresql", "postgres"):
            silence = int(_RESPONSE_SECONDS * 1000)
            limits = {"connect_timeout": _CONNECT_SECONDS, "tcp_user_timeout": silence}
            return PostgresHuey("datanectar", dsn=url, **limits, **options)
        if scheme in ("redis", "rediss", "unix"):
            return _redis_huey(url, options)
    except (OSError, sqlite3.Error) as problem:
        raise StartupError(f"The queue at {url} can't be opened: {problem}") from problem
    except Exception as problem:  # a driver that is missing, a server that is away
        raise StartupError(
            f"The queue ({scheme}) can't be opened: {problem}. Is the server up, and the extra "
            f"installed (pip install 'datanectar[{'redis' if 'redis' in scheme else 'postgres'}]')?"
        ) from problem
    raise StartupError(f"DATANECTAR_QUEUE_URL: {scheme!r} is none of sqlite, postgresql and redis.")


def _sqlite_huey(url: str, options: dict[str, Any]) -> Huey:
    path = sqlite_file(url)
    path.parent.mkdir(parents=True, exist_ok=True)
    private_database(path)
    storage = {"storage_class": _WakingSqliteStorage, "filename": str(path), "timeout": 30}
    return Huey("datanectar", strict_fifo=True, **storage, **options)


def _redis_huey(url: str, options: dict[str, Any]) -> Huey:
    from redis import ConnectionPool

    pool = ConnectionPool.from_url(
        url,
        socket_connect_timeout=_CONNECT_SECONDS,
        socket_timeout=_RESPONSE_SECONDS,
        socket_keepalive=True,
    )
    return RedisHuey("datanectar", connection_pool=pool, **options)
