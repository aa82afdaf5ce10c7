"""Services of one project with a chain of days, and no worker that would take a run."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from datanectar.backfills.backfills import BackfillRequest, Backfills
from datanectar.backfills.driver import Driver
from datanectar.child_pool import ChildPool
from datanectar.luigid.client import Luigid
from datanectar.messages import Outcome
from datanectar.queue import RunQueue
from datanectar.runs.records import Run
from datanectar.runs.store import RunFilters, RunStore
from datanectar.service.service import Service
from datanectar.settings import current, load
from datanectar.statuses import DONE
from tests.runs.conftest import DATABASES

CHAIN = """import luigi
from luigi.parameter import ParameterVisibility

from datanectar import NectarTask


class DayTask(NectarTask):
    day = luigi.DateParameter()
    country = luigi.ChoiceParameter(choices=["de", "fr"], default="de")
    size = luigi.IntParameter(default=1)
    shown = luigi.IntParameter(default=1, significant=False)
    password = luigi.Parameter(default="x", visibility=ParameterVisibility.PRIVATE)

    def run(self):
        with self.output().open("w") as out:
            out.write(str(self.day))
"""
PLACE = ("days", "days_chain", "DayTask")


class World:
    """A service, its backfills, and drivers under the names of workers."""

    def __init__(self, service: Service, chain: Path) -> None:
        self.service = service
        self.chain = chain
        self.backfills = Backfills(service)

    def request(
        self, over: object = "2026-01-01..2026-01-06", at_once: int = 2, **params: object
    ) -> BackfillRequest:
        values = over if isinstance(over, dict) else {"day": over}
        return BackfillRequest(*PLACE, values, params, at_once)

    def start(self, over: object = "2026-01-01..2026-01-06", at_once: int = 2) -> str:
        return self.backfills.start(self.request(over, at_once))[0].id

    def driver(self, worker: str) -> Driver:
        """Return a driver that looks at every call, of a worker that is registered."""
        self.service.store.beat_worker(worker, "here", 1, 1.0, 1)
        ticks = iter(range(0, 10**6, 100))
        return Driver(self.service, worker, lambda: float(next(ticks)))

    def runs(self) -> list[Run]:
        """Return all runs, the oldest first."""
        found, _ = self.service.store.list_runs(RunFilters(), cursor=None, limit=500)
        return found[::-1]

    def days(self) -> list[str]:
        return [run.params["day"] for run in self.runs()]

    def end(self, run: Run, status: str = DONE, error: str | None = None) -> None:
        """End a run as its worker would; a DONE one gets its result."""
        store = self.service.store
        claimed = store.claim(run.id, "test", 60)
        assert claimed is not None
        if status == DONE:
            self.write_result(run.params["day"])
        store.finish(run.id, claimed.attempt, "test", Outcome(status, error))

    def write_result(self, day: str) -> None:
        key = self.service.resolve(*PLACE, {"day": day}).key
        file = self.service.settings.local_targets / key / "out.txt"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(day)

    def counts(self, backfill_id: str) -> dict[str, int]:
        return self.backfills.counts(self.backfills.get(backfill_id)).by_status


@pytest.fixture
def make_world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., World]]:
    """Make worlds over one project and one store, as several processes have it."""
    monkeypatch.setenv("DATANECTAR_PROJECT", str(tmp_path))
    current.cache_clear()
    chain = tmp_path / "code" / "chains" / "days" / "days_chain.py"
    chain.parent.mkdir(parents=True)
    chain.write_text(CHAIN)
    made: list[World] = []

    def make(**environ: str) -> World:
        settings = load({"DATANECTAR_PROJECT": str(tmp_path), **environ})
        settings.state.mkdir(exist_ok=True)
        store = RunStore(settings.database_url)
        store.prepare()
        children = ChildPool(settings, ahead=0)
        children.start()
        queue, luigid = RunQueue(settings.queue_url), Luigid(settings.luigid_url)
        made.append(
            World(
                Service(settings, store=store, queue=queue, children=children, luigid=luigid), chain
            )
        )
        return made[-1]

    yield make
    for world in made:
        world.service.children.close()
        world.service.store.close()
    current.cache_clear()


@pytest.fixture(params=DATABASES)
def world(request: pytest.FixtureRequest, make_world: Callable[..., World]) -> World:
    """A world, one test run for each kind of database."""
    if request.param == "sqlite":
        return make_world()
    return make_world(DATANECTAR_DATABASE_URL=request.getfixturevalue("postgres_database"))
