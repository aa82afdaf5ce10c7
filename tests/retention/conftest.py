"""A service of one project whose results are as old as a test says, and no worker."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from datanectar.child_pool import ChildPool
from datanectar.keys import Key, parse_key
from datanectar.luigid.client import Luigid
from datanectar.queue import RunQueue
from datanectar.retention.purge import Purge
from datanectar.retention.rules import PurgeRequest, Report
from datanectar.runs.store import RunStore
from datanectar.service.service import Service
from datanectar.settings import current, load

DAY = 86_400.0
CHAIN = """from datetime import date

import luigi

from datanectar import NectarTask


class Base(NectarTask):
    day = luigi.DateParameter()

    def run(self):
        with self.output().open("w") as out:
            out.write(str(self.day))


class LoadTask(Base):
    keep = "30 days"


class CleanTask(Base):
    def requires(self):
        return LoadTask(day=self.day)


class ReportTask(Base):
    def requires(self):
        return CleanTask(day=self.day)


class Archive(Base):  # without a route
    keep = "forever"


class PagesTask(Base):
    keep = "10 days"
    output_name = "pages/"


class EveningTask(NectarTask):
    schedule = "0 18 * * *"
    keep = "1 day"

    def requires(self):
        return LoadTask(day=date(2026, 1, 31))
"""


class House:
    """A service, and what lies in its store."""

    def __init__(self, service: Service, chain: Path) -> None:
        self.service = service
        self.chain = chain

    def key(self, task: str, day: str = "2026-01-01") -> Key:
        return parse_key(self.service.resolve("etl", "sales_chain", task, {"day": day}).key)

    def make(self, key: Key, age_days: float, *files: str, root: Path | None = None) -> Path:
        """Write files under a key, of that age; without names a result with log and parameters."""
        folder = (root or self.service.settings.local_targets) / str(key)
        stamp = time.time() - age_days * DAY
        for name in files or ("params.txt", "log", "out.txt"):
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_bytes(b"0123456789")
            os.utime(folder / name, (stamp, stamp))
        return folder

    def purge(
        self, *only: str, renew: Callable[[], object] = lambda: None, **more: object
    ) -> Report:
        request = PurgeRequest(only or ("results", "logs", "runs"), **more)  # type: ignore[arg-type]
        return Purge(self.service, request, renew=renew).carry_out()

    def look(self, *only: str, **more: object) -> Report:
        request = PurgeRequest(only or ("results", "logs", "runs"), **more)  # type: ignore[arg-type]
        return Purge(self.service, request).look()


MakeHouse = Callable[..., House]


@pytest.fixture
def make_house(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[MakeHouse]:
    """Make a house; settings are given as variables."""
    made: list[House] = []

    def make(**environ: str) -> House:
        monkeypatch.setenv("DATANECTAR_PROJECT", str(tmp_path))
        for name, value in environ.items():
            monkeypatch.setenv(name, value)
        current.cache_clear()
        chain = tmp_path / "code" / "chains" / "etl" / "sales_chain.py"
        chain.parent.mkdir(parents=True, exist_ok=True)
        chain.write_text(CHAIN)
        settings = load()
        settings.state.mkdir(exist_ok=True)
        store = RunStore(settings.database_url)
        store.prepare()
        children = ChildPool(settings, ahead=0)
        children.start()
        queue, luigid = RunQueue(settings.queue_url), Luigid(settings.luigid_url)
        service = Service(settings, store=store, queue=queue, children=children, luigid=luigid)
        made.append(House(service, chain))
        return made[-1]

    yield make
    for house in made:
        house.service.children.close()
        house.service.store.close()
    current.cache_clear()


@pytest.fixture
def house(make_house: MakeHouse) -> House:
    """A house whose settings have no rules, so that only its classes' count."""
    return make_house()
