"""A real S3 server for the benchmarks (rclone on a folder), and a proxy that makes it far away."""

from __future__ import annotations

import asyncio
import contextlib
import os
import threading
from collections.abc import Iterator
from pathlib import Path

from tests.servers.processes import free_port
from tests.servers.s3 import _rclone, _running

_KEYS = ("rclonekey", "rclone-secret")


@contextlib.contextmanager
def server(folder: Path) -> Iterator[str]:
    """Run ``rclone serve s3`` and give its address."""
    (folder / "root").mkdir(parents=True)
    port = free_port()
    command = [
        _rclone(), "serve", "s3", str(folder / "root"), "--addr", f"127.0.0.1:{port}",
        "--auth-key", ",".join(_KEYS), "--config", str(folder / "rclone.conf"),
        "--cache-dir", str(folder / "cache"),
    ]  # fmt: skip
    with _running(command, port, folder / "log", {}):
        yield f"http://127.0.0.1:{port}"


def environ(endpoint: str, folder: Path) -> dict[str, str]:
    """Return the variables with which results go to that server."""
    return {
        "ENV": "bench",
        "PROJECT_BUCKET": "datanectar",
        "AWS_ENDPOINT_URL_S3": endpoint,
        "AWS_ACCESS_KEY_ID": _KEYS[0],
        "AWS_SECRET_ACCESS_KEY": _KEYS[1],
        "AWS_REGION": "us-east-1",
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_CONFIG_FILE": str(folder / "none"),
        "AWS_SHARED_CREDENTIALS_FILE": str(folder / "none"),
    }


@contextlib.contextmanager
def environment(variables: dict[str, str]) -> Iterator[None]:
    """Set variables for a while."""
    before = dict(os.environ)
    os.environ.update(variables)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


class Delay:
    """A TCP proxy that passes each piece on after a delay: a server one round trip away.

    Args:
        endpoint: the server's address.
        seconds: how long a request is on its way; answers are passed on at once.
    """

    def __init__(self, endpoint: str, seconds: float) -> None:
        self._port = int(endpoint.rpartition(":")[2])
        self._seconds = seconds
        self.requests = 0
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)

    def __enter__(self) -> Delay:
        self._thread.start()
        starting = asyncio.start_server(self._serve, "127.0.0.1", 0)
        server = asyncio.run_coroutine_threadsafe(starting, self._loop).result()
        self.endpoint = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        return self

    def __exit__(self, *_: object) -> None:
        asyncio.run_coroutine_threadsafe(self._hang_up(), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    async def _hang_up(self) -> None:
        serving = asyncio.all_tasks(self._loop) - {asyncio.current_task()}
        for task in serving:
            task.cancel()
        await asyncio.gather(*serving, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, back = await asyncio.open_connection("127.0.0.1", self._port)
        await asyncio.gather(
            self._pass_on(reader, back, self._seconds), self._pass_on(there, writer, 0)
        )

    async def _pass_on(
        self, source: asyncio.StreamReader, sink: asyncio.StreamWriter, delay: float
    ) -> None:
        with contextlib.suppress(ConnectionError):
            while data := await source.read(1 << 16):
                if delay:
                    self.requests += data.count(b" HTTP/1.1\r\n")
                    await asyncio.sleep(delay)
                sink.write(data)
                await sink.drain()
        sink.close()
