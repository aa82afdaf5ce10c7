"""The client for asyncio: the same methods, awaited.

Each request is made by the code of :class:`~datanectar.client.client.Client` in a thread; a run that is
waited for holds no thread. So there is one client, and no second HTTP library.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import IO, Any, Concatenate, Generic, ParamSpec, TypeVar

from datanectar.client.client import Client
from datanectar.client.result import Result
from datanectar.client.run import Run, RunFailed, Waiting
from datanectar.client.transport import CONNECTIONS
from datanectar.client.webhooks import Webhooks
from datanectar.statuses import DONE

P = ParamSpec("P")
R = TypeVar("R")
Sync = TypeVar("Sync")

_END: Any = object()


class _Twin(Generic[Sync]):
    """The twin of an object whose methods wait for the network."""

    def __init__(self, sync: Sync, threads: ThreadPoolExecutor) -> None:
        self._sync = sync
        self._threads = threads

    async def _in_thread(self, call: Callable[..., R], *arguments: Any) -> R:
        return await asyncio.get_running_loop().run_in_executor(self._threads, call, *arguments)


def _awaited(
    method: Callable[Concatenate[Sync, P], R],
) -> Callable[Concatenate[_Twin[Sync], P], Coroutine[Any, Any, R]]:
    """Return the twin of a method: it is awaited, and has the same arguments."""

    @functools.wraps(method)
    async def twin(self: _Twin[Sync], /, *args: P.args, **options: P.kwargs) -> R:
        return await self._in_thread(functools.partial(method, self._sync, *args, **options))

    return twin


def _iterated(
    method: Callable[Concatenate[Sync, P], Iterator[R]],
) -> Callable[Concatenate[_Twin[Sync], P], AsyncIterator[R]]:
    """Return the twin of a method that yields: it is read by ``async for``."""

    @functools.wraps(method)
    async def twin(self: _Twin[Sync], /, *args: P.args, **options: P.kwargs) -> AsyncIterator[R]:
        items: Any = method(self._sync, *args, **options)
        try:
            while (item := await self._in_thread(next, items, _END)) is not _END:
                yield item
        finally:
            with contextlib.suppress(ValueError):  # it is just waiting for an item, in its thread
                items.close()

    return twin


class AsyncResult(_Twin[Result]):
    """The files that a task has made: a :class:`~datanectar.client.result.Result`, awaited."""

    url = _awaited(Result.url)
    read_bytes = _awaited(Result.read_bytes)
    read_text = _awaited(Result.read_text)
    json = _awaited(Result.json)
    to_path = _awaited(Result.to_path)
    to_folder = _awaited(Result.to_folder)
    dataframe = _awaited(Result.dataframe)

    async def names(self) -> list[str]:
        """Return the names of the files; a task without a result of its own has none."""
        return await self._in_thread(lambda: self._sync.names)

    async def open(
        self, mode: str = "r", *, name: str | None = None, encoding: str = "utf-8"
    ) -> IO[Any]:
        """Return a file for reading, downloaded whole; see :meth:`Result.open`."""
        call = functools.partial(self._sync.open, mode, name=name, encoding=encoding)
        return await self._in_thread(call)


class AsyncRun(_Twin[Run]):
    """A request for a task: a :class:`~datanectar.client.run.Run`, awaited."""

    status = _awaited(Run.status)
    log = _awaited(Run.log)
    follow = _iterated(Run.follow)
    cancel = _awaited(Run.cancel)
    drop = _awaited(Run.drop)

    def __repr__(self) -> str:
        return f"<Async{repr(self._sync)[1:]}"

    @property
    def key(self) -> str:
        """The key of the result."""
        return self._sync.key

    @property
    def run_id(self) -> str | None:
        """The run's id; None when the result was there."""
        return self._sync.run_id

    @property
    def result(self) -> AsyncResult:
        """The result, which can be read once the run is done; see :meth:`wait`."""
        return AsyncResult(self._sync.result, self._threads)

    async def wait(
        self,
        timeout: float | None = None,
        progress: Callable[[dict[str, Any]], None] | None = None,
    ) -> AsyncResult:
        """Return the result once the run is done; see :meth:`Run.wait`."""
        status = await _ended(self.status, timeout, progress)
        if status["job_status"] != DONE:
            raise RunFailed(status)
        return self.result


class AsyncWebhooks(_Twin[Webhooks]):
    """The webhooks of an app: :class:`~datanectar.client.webhooks.Webhooks`, awaited."""

    list = _awaited(Webhooks.list)
    add = _awaited(Webhooks.add)
    get = _awaited(Webhooks.get)
    remove = _awaited(Webhooks.remove)
    retry = _awaited(Webhooks.retry)
    test = _awaited(Webhooks.test)


class AsyncClient(_Twin[Client]):
    """Talks to a datanectar app; arguments and methods are those of :class:`Client`.

    ::

        async with AsyncClient() as client:
            run = await client.run("testchains/hello_luigiworld_chain/DownstreamTask", name="you")
            print(await (await run.wait()).read_text())
    """

    def __init__(
        self,
        url: str | None = None,
        token: str | None = None,
        timeout: float = 60.0,
        retries: int = 3,
    ) -> None:
        threads = ThreadPoolExecutor(CONNECTIONS, thread_name_prefix="datanectar")
        super().__init__(Client(url, token, timeout, retries), threads)
        self.url = self._sync.url
        self.webhooks = AsyncWebhooks(self._sync.webhooks, threads)

    async def __aenter__(self) -> AsyncClient:
        return self

    async def __aexit__(self, *problem: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections; what waits for a response is left alone."""
        self._threads.shutdown(wait=False, cancel_futures=True)
        self._sync.transport.close()

    chains = _awaited(Client.chains)
    post = _awaited(Client.post)
    status = _awaited(Client.status)
    graph = _awaited(Client.graph)
    runs = _awaited(Client.runs)
    iter_runs = _iterated(Client.iter_runs)
    whoami = _awaited(Client.whoami)
    run_record = _awaited(Client.run_record)
    cancel = _awaited(Client.cancel)
    rerun = _awaited(Client.rerun)
    schedules = _awaited(Client.schedules)
    set_schedule = _awaited(Client.set_schedule)
    drop = _awaited(Client.drop)
    lineage = _awaited(Client.lineage)
    drop_with_downstream = _awaited(Client.drop_with_downstream)
    explain = _awaited(Client.explain)
    log = _awaited(Client.log)
    follow = _iterated(Client.follow)
    read = _awaited(Client.read)

    async def run(self, path: str, /, **parameters: Any) -> AsyncRun:
        """Request a task and return at once; :meth:`AsyncRun.wait` returns its result.

        See :meth:`Client.run`.
        """
        call = functools.partial(self._sync.run, path, **parameters)
        return AsyncRun(await self._in_thread(call), self._threads)

    async def wait(self, key: str) -> dict[str, Any]:
        """Return the status of a key once no run of it is pending or running."""
        return await _ended(functools.partial(self.status, key))


async def _ended(
    ask_status: Callable[[], Coroutine[Any, Any, dict[str, Any]]],
    timeout: float | None = None,
    progress: Callable[[dict[str, Any]], None] | None = None,
) -> dict[str, Any]:
    waiting = Waiting(timeout, progress)
    while True:
        status = await ask_status()
        pause = waiting.pause_after(status)
        if pause is None:
            return status
        await asyncio.sleep(pause)
