"""A service of one version is replaced by the next while runs come in, and nothing is lost."""

from __future__ import annotations

import itertools
import json
import shutil
import signal
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import requests

from datanectar.luigid.launch import CONFIGURATION
from datanectar.runs.store import RunFilters, RunStore
from datanectar.statuses import ACTIVE, CANCELLED, DONE, FAILED
from tests.servers.postgres import new_database
from tests.servers.processes import PATIENCE, free_port, responds, wait_for
from tests.servers.stack import Stack
from tests.upgrades.versions import (
    CODE,
    HERE,
    code_of_1_0,
    code_of_later,
    command,
    load_store_of_1_0,
)


@dataclass
class Load:
    """POSTs runs to the webs in turn, the next one if one refuses, until it is told to stop."""

    urls: list[str]
    accepted: dict[str, str] = field(default_factory=dict)
    over: threading.Event = field(default_factory=threading.Event)

    def post_all(self) -> None:
        for number in itertools.count():
            task = ("OrderTask", "OrderTask", "ReportTask", "RefusedTask")[number % 4]
            values = {"name": f"order {number}"}
            if task == "OrderTask":
                values["seconds"] = str(number % 3 / 2)
            while not self._post(self.urls[number % len(self.urls)], task, values):
                number += 1
                if self.over.wait(0.1):
                    return
            if self.over.wait(0.15):
                return

    def _post(self, url: str, task: str, values: dict[str, str]) -> bool:
        try:
            response = requests.post(
                f"{url}/api/chains/shop/orders_chain/{task}", json=values, timeout=30
            )
        except requests.RequestException:
            return False
        if response.ok:
            self.accepted[response.json()["data"]["run_id"]] = task
        return response.ok

    @contextmanager
    def going_on(self) -> Iterator[None]:
        thread = threading.Thread(target=self.post_all)
        thread.start()
        try:
            yield
        finally:
            self.over.set()
            thread.join()


class Deployment:
    """The web and the workers of two versions over one store.

    Args:
        stack: with luigid started.
        old: the source root of the older version.
        new: and of the newer one.
    """

    def __init__(self, stack: Stack, old: Path, new: Path) -> None:
        self.stack = stack
        self._code = {"old": old, "new": new}
        self.urls = {version: f"http://127.0.0.1:{free_port()}" for version in self._code}
        self.load = Load(list(self.urls.values()))

    def start(self, part: str, version: str) -> str:
        """Start a web or a worker of a version, and return once it works."""
        name, port = f"{version} {part}", self.urls[version].rpartition(":")[2]
        environ = {
            "PYTHONPATH": str(self._code[version]),
            "DATANECTAR_PORT": port,
            "DATANECTAR_NODE": version,
            "DATANECTAR_STATE": str(self.stack.project / f"state of {version}"),
        }
        seen = self.stack.output(name) if name in self.stack.processes else ""
        self.stack.spawn(name, command(part), environ)
        wait_for(lambda: self.stack.is_alive(name) and self._works(name, version, seen), name)
        return name

    def _works(self, name: str, version: str, seen: str) -> bool:
        if name.endswith("web"):
            return responds(f"{self.urls[version]}/healthz")
        return "at a time" in self.stack.output(name)[len(seen) :]

    def runs(self, version: str) -> list[dict[str, str]]:
        """Return the history as the web of a version has it."""
        answer = requests.get(f"{self.urls[version]}/api/runs", timeout=PATIENCE)
        return list(answer.json()["data"]["runs"])

    def accepts(self, count: int) -> None:
        """Return once so many more runs have been accepted."""
        enough = len(self.load.accepted) + count
        wait_for(lambda: len(self.load.accepted) >= enough, f"{count} more runs are accepted")


@pytest.fixture(params=["sqlite", "postgresql"])
def store_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path}/store/runs.db"
        return
    with new_database(request.getfixturevalue("postgres_url")) as url:
        yield url


@pytest.fixture
def stack(tmp_path: Path, store_url: str) -> Iterator[Stack]:
    (tmp_path / "shop").mkdir()
    stack = Stack(
        tmp_path / "project",
        environ={
            "SHOP_FOLDER": str(tmp_path / "shop"),
            "DATANECTAR_DATABASE_URL": store_url,
            "DATANECTAR_QUEUE_URL": store_url.replace("runs.db", "queue.db"),
            "DATANECTAR_HEARTBEAT_TIMEOUT": "3",
        },
    )
    shutil.copytree(HERE / "chains", stack.project / "code" / "chains", dirs_exist_ok=True)
    try:
        stack.start_plain_luigid(CONFIGURATION)
        yield stack
    finally:
        stack.close()


def test_1_0_is_replaced_while_runs_come_in(stack: Stack, tmp_path: Path) -> None:
    """From the store that 1.0 left, with its own code beside ours."""
    (tmp_path / "shop" / "gate").touch()
    load_store_of_1_0(stack.store.database, stack.environment["DATANECTAR_DATABASE_URL"])
    deployment = Deployment(stack, code_of_1_0(tmp_path / "1.0"), CODE)
    old_web, old_worker = deployment.start("web", "old"), deployment.start("worker", "old")
    earlier = {run["id"]: run["job_status"] for run in deployment.runs("old")}

    with deployment.load.going_on():
        deployment.accepts(5)
        deployment.start("worker", "new")  # migrates
        deployment.start("web", "new")
        deployment.accepts(10)
        assert stack.stop(old_worker) == 0
        deployment.accepts(5)
        stack.stop(old_web)
        deployment.accepts(5)

    check_books(stack, deployment.load, tmp_path / "shop", earlier)


@pytest.mark.parametrize("store_url", ["postgresql"], indirect=True)
def test_a_later_version_replaces_this_one_which_may_start_beside_it(
    stack: Stack, tmp_path: Path
) -> None:
    deployment = Deployment(stack, CODE, code_of_later(tmp_path / "later"))
    old_web, old_worker = deployment.start("web", "old"), deployment.start("worker", "old")

    with deployment.load.going_on():
        deployment.accepts(5)
        deployment.start("web", "new")  # migrates
        stack.kill(old_web)
        stack.kill(old_worker)
        deployment.start("web", "old")  # as a supervisor of the old version does
        deployment.start("worker", "old")
        assert "works beside it" in stack.output(old_web)
        deployment.start("worker", "new")
        deployment.accepts(10)
        drain = [sys.executable, "-m", "datanectar", "worker", "--drain", "old"]
        subprocess.run(
            drain, env=stack.environment, cwd=stack.project, check=True, timeout=PATIENCE
        )
        assert stack.processes[old_worker].wait(PATIENCE) == 0
        stack.stop(old_web, signal.SIGTERM)
        deployment.accepts(5)

    check_books(stack, deployment.load, tmp_path / "shop", {})


def history(store: RunStore) -> dict[str, str]:
    """Return every run's status by its id."""
    found, _ = store.list_runs(RunFilters(), cursor=None, limit=1000)
    return {run.id: run.status for run in found}


def check_books(stack: Stack, load: Load, shop: Path, earlier: dict[str, str]) -> None:
    """Each accepted run has ended as it should, and each task's result was made once."""
    store = stack.store
    wait_for(lambda: not sum(store.active_counts().values()), "all runs have ended", 90)
    ends = history(store)
    assert load.accepted.keys() <= ends.keys()
    expected = {id: FAILED if task == "RefusedTask" else DONE for id, task in load.accepted.items()}
    kept = {id: DONE if status in ACTIVE else status for id, status in earlier.items()}
    assert {**ends, **expected, **kept} == ends, [
        store.get(id) for id in ends if ends[id] == FAILED
    ]
    assert {CANCELLED, DONE, FAILED} <= set(ends.values()) if earlier else True
    events = Counter(json.loads(line)[0] for line in (shop / "lines").read_text().splitlines())
    made = Counter(line for line in (shop / "lines").read_text().splitlines() if '"end"' in line)
    assert events["overlap"] == 0
    assert set(made.values()) == {1}
