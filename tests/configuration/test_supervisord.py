"""The shipped supervisord set-up behind the shipped nginx: used, killed part by part, and stopped."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from tests.servers.nginx import Nginx, nginx
from tests.servers.processes import PATIENCE, is_running, wait_for
from tests.servers.stack import Stack, copy_catalogue

pytestmark = pytest.mark.slow
SHIPPED = Path(__file__).parents[2] / "configuration" / "supervisord" / "supervisord.conf"
BIN = Path(sys.executable).parent
TOKEN = "rules-" + "r" * 20
RUNS = 24


class Supervised:
    """A stack under supervisord, and the nginx before it."""

    def __init__(self, stack: Stack, proxy: Nginx) -> None:
        self.stack, self.proxy = stack, proxy

    def control(self, *words: str) -> str:
        """Run ``supervisorctl`` and return what it prints."""
        command = [BIN / "supervisorctl", "-c", SHIPPED, *words]
        done = subprocess.run(
            command, env=self.stack.environment, capture_output=True, text=True, timeout=PATIENCE
        )
        return done.stdout

    def pid(self, part: str) -> int:
        """Return the pid of a part, or 0 while it is not running."""
        text = self.control("pid", part).strip()
        return int(text) if text.isdecimal() else 0

    def request(self, method: str, path: str, **options: object) -> requests.Response:
        headers = {"Authorization": f"Bearer {TOKEN}"}
        url, verify = f"{self.proxy.url}/dn{path}", str(self.proxy.authority)
        return requests.request(  # type: ignore[arg-type]
            method, url, headers=headers, verify=verify, timeout=PATIENCE, **options
        )


@pytest.fixture
def supervised(tmp_path: Path) -> Iterator[Supervised]:
    stack = Stack(tmp_path / "project")
    copy_catalogue(stack.project)
    logs = tmp_path / "logs"
    logs.mkdir()
    stack.environ |= {
        "BIN": str(BIN),
        "LOGS": str(logs),
        "DATANECTAR_URL_PREFIX": "/dn",
        "DATANECTAR_TRUSTED_PROXIES": "127.0.0.1",
        "DATANECTAR_TOKENS": TOKEN,
    }
    (tmp_path / "nginx").mkdir()
    stack.spawn("supervisord", [str(BIN / "supervisord"), "-n", "-c", str(SHIPPED)])
    try:
        with nginx(tmp_path / "nginx", stack.port) as proxy:
            app = Supervised(stack, proxy)
            wait_for(lambda: app.control("status").count("RUNNING") == 3, "all three are up")
            wait_for(lambda: app.request("GET", "/readyz").status_code == 200, "the app is ready")
            yield app
    finally:
        stack.close()


def test_no_accepted_run_is_lost_while_each_part_is_killed(
    supervised: Supervised, tmp_path: Path
) -> None:
    keys: dict[str, str] = {}
    evidence = tmp_path / "evidence"

    def post_all() -> None:
        for number in range(RUNS):
            name = f"run-{number}"
            posted = {"name": name, "seconds": "0.4", "evidence": str(evidence)}
            wait_for(
                lambda posted=posted: _accepted(supervised, posted, keys), f"{name} is accepted"
            )

    load = threading.Thread(target=post_all)
    load.start()
    for part in ("web", "worker", "luigid"):
        wait_for(lambda: len(evidence.read_text().split()) if evidence.exists() else 0, "runs run")
        killed = supervised.pid(part)
        os.kill(killed, signal.SIGKILL)
        wait_for(
            lambda part=part, killed=killed: supervised.pid(part) not in (0, killed),
            f"{part} is back",
        )
    load.join(2 * PATIENCE)
    assert not load.is_alive() and len(keys) == RUNS

    for name, key in keys.items():
        wait_for(
            lambda key=key: _status(supervised, key) == "DONE", f"{name} is done", 2 * PATIENCE
        )
        result = supervised.request("GET", f"/api/targets/{key}/out.txt")
        assert result.text == f"slept as {name}\n"


def test_supervisord_stops_all_of_it(supervised: Supervised) -> None:
    pids = supervised.stack.pids()
    supervised.stack.stop("supervisord")
    wait_for(lambda: not any(map(is_running, pids)), "nothing is left over")


def _accepted(app: Supervised, posted: dict[str, str], keys: dict[str, str]) -> bool:
    try:
        answer = app.request("POST", "/api/chains/basic/plain_chain/SleepTask", json=posted)
    except requests.RequestException:
        return False
    if answer.status_code != 200:
        return False
    keys[posted["name"]] = answer.json()["data"]["key"]
    return True


def _status(app: Supervised, key: str) -> object:
    try:
        answer = app.request("GET", "/api/chainstatus", params={"chain": key})
    except requests.RequestException:
        return None
    assert answer.status_code in (200, 502), answer.text
    return answer.json()["data"]["job_status"] if answer.status_code == 200 else None
