"""The client for asyncio, against a live app."""

from __future__ import annotations

import asyncio
import inspect
from pathlib import Path

import pytest

from datanectar import AsyncClient, Client
from datanectar.client import Result, Run, RunFailed
from datanectar.client.asynchronous import AsyncResult, AsyncRun, AsyncWebhooks
from datanectar.client.webhooks import Webhooks
from datanectar.errors import BadRequest, NotFound, Unavailable
from tests.servers.processes import free_port, run_async
from tests.servers.stack import Stack

CHAIN = """
import os, pathlib, time
import luigi
from datanectar import NectarTask

class GateTask(NectarTask):
    gate = luigi.Parameter()
    n = luigi.IntParameter(default=0)
    def run(self):
        print("waits")
        while not os.path.exists(self.gate):
            time.sleep(0.05)
        self.save(f"{self.n}")

class FailTask(NectarTask):
    def run(self):
        raise ValueError("on purpose")

class PagesTask(NectarTask):
    output_name = "pages/"
    def run(self):
        self.save({"a.txt": "a", "b/c.json": [1]})
"""
PLACE = "etl/async_chain"


@pytest.fixture(scope="module")
def app(stack: Stack) -> Stack:
    stack.chain(PLACE, CHAIN)
    return stack


@pytest.mark.parametrize(
    ("twin", "sync"),
    [(AsyncClient, Client), (AsyncRun, Run), (AsyncResult, Result), (AsyncWebhooks, Webhooks)],
)
def test_it_has_every_method_with_the_same_arguments(twin: type, sync: type) -> None:
    for name, method in inspect.getmembers(sync):
        if name.startswith("_"):
            continue
        assert hasattr(twin, name), f"{twin.__name__}.{name}"
        if callable(method):
            other = inspect.signature(getattr(twin, name)).parameters
            assert list(other) == list(inspect.signature(method).parameters), name
            assert getattr(twin, name).__doc__, name


def test_a_task_is_run_and_its_result_is_read(app: Stack, tmp_path: Path) -> None:
    async def talk() -> None:
        async with AsyncClient(app.url) as client:
            (tmp_path / "gate").touch()
            handle = await client.run(f"{PLACE}/GateTask", gate=str(tmp_path / "gate"), n=7)
            seen: list[str] = []
            result = await handle.wait(progress=lambda status: seen.append(status["job_status"]))
            assert await result.read_text() == "7"
            assert await result.names() == ["out.txt"]
            assert (await result.open()).read() == "7"
            assert seen[-1] == "DONE"
            assert "waits" in await handle.log()
            assert (await handle.status())["job_status"] == "DONE"
            assert (await client.wait(handle.key))["job_status"] == "DONE"
            found = [record["id"] async for record in client.iter_runs(task="GateTask")]
            assert handle.run_id in found
            assert await handle.drop() == ["out.txt"]

    run_async(talk())


def test_a_hundred_runs_are_waited_for_at_once(app: Stack, tmp_path: Path) -> None:
    """More than there are threads: a run that is waited for holds none."""
    gate = tmp_path / "gate"

    async def talk() -> list[str]:
        async with AsyncClient(app.url) as client:
            path = f"{PLACE}/GateTask"
            first = await client.run(path, gate=str(gate), n=0)
            waits = [asyncio.create_task(first.wait()) for _ in range(100)]
            await asyncio.sleep(0)
            assert (await client.explain(path, gate=str(gate), n=0))["complete"] is False
            gate.touch()
            return [await result.read_text() for result in await asyncio.gather(*waits)]

    assert run_async(talk()) == ["0"] * 100


def test_a_log_is_followed_beside_other_requests(app: Stack, tmp_path: Path) -> None:
    gate = tmp_path / "gate"

    async def talk() -> str:
        async with AsyncClient(app.url) as client:
            handle = await client.run(f"{PLACE}/GateTask", gate=str(gate), n=1)
            text = ""
            async for piece in handle.follow():
                text += piece
                if "waits" in text:
                    assert await client.chains()
                    gate.touch()
            return text

    assert "waits" in run_async(talk())


def test_what_is_no_longer_followed_is_let_go(app: Stack, tmp_path: Path) -> None:
    gate = tmp_path / "gate"

    async def talk() -> None:
        async with AsyncClient(app.url) as client:
            handle = await client.run(f"{PLACE}/GateTask", gate=str(gate), n=2)
            pieces = handle.follow()
            async for piece in pieces:
                if "waits" in piece:
                    break
            await pieces.aclose()  # type: ignore[attr-defined]
            await handle.cancel()
            with pytest.raises(RunFailed):
                await handle.wait()

    run_async(talk())


def test_errors_are_those_of_the_client(app: Stack) -> None:
    async def talk() -> None:
        async with AsyncClient(app.url) as client:
            with pytest.raises(BadRequest) as refused:
                await client.run(f"{PLACE}/GateTask", n="x")
            assert set(refused.value.fields or {}) == {"gate", "n"}
            with pytest.raises(NotFound):
                await client.run("etl/none_chain/NoneTask")
            failed = await client.run(f"{PLACE}/FailTask")
            with pytest.raises(RunFailed, match="on purpose"):
                await failed.wait()
        async with AsyncClient(f"http://127.0.0.1:{free_port()}", retries=0) as client:
            with pytest.raises(Unavailable):
                await client.chains()

    run_async(talk())


def test_a_time_limit_ends_the_wait_and_not_the_run(app: Stack, tmp_path: Path) -> None:
    gate = tmp_path / "gate"

    async def talk() -> None:
        async with AsyncClient(app.url) as client:
            handle = await client.run(f"{PLACE}/GateTask", gate=str(gate), n=3)
            with pytest.raises(TimeoutError):
                await handle.wait(timeout=0.1)
            gate.touch()
            assert await (await handle.wait()).read_text() == "3"

    run_async(talk())


def test_a_folder_is_downloaded_whole(app: Stack, tmp_path: Path) -> None:
    async def talk() -> None:
        async with AsyncClient(app.url) as client:
            result = await (await client.run(f"{PLACE}/PagesTask")).wait()
            assert await result.names() == ["pages.zip"]
            folder = await result.to_folder(tmp_path / "pages")
            assert (folder / "b" / "c.json").read_text() == "[1]\n"

    run_async(talk())
    result = Client(app.url).run(f"{PLACE}/PagesTask").wait()
    with pytest.raises(FileExistsError):
        result.to_folder(tmp_path / "pages")
    assert [path.name for path in tmp_path.iterdir()] == ["pages"]


def test_a_file_is_no_folder(app: Stack, tmp_path: Path) -> None:
    (tmp_path / "gate").touch()
    result = Client(app.url).run(f"{PLACE}/GateTask", gate=str(tmp_path / "gate")).wait()

    with pytest.raises(BadRequest, match="is a file, not a folder"):
        result.to_folder(tmp_path / "x")
