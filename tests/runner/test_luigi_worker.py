"""A run's Luigi worker: its options, its batches, and what it sends to luigid."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from datanectar.luigid.launch import CONFIGURATION
from datanectar.luigid.names import worker_id
from datanectar.messages import Outcome
from datanectar.statuses import DONE, FAILED, RUNNING
from tests.servers.bench import Bench, Ran, lines_of
from tests.servers.http_proxy import proxy_before
from tests.servers.processes import wait_for

LUIGI = "luigi/semantics_chain"


def done(ran: Ran) -> Ran:
    """Return the run, which has to have ended well."""
    assert ran.outcome == Outcome(DONE), ran.outcome
    return ran


def failed(ran: Ran) -> Outcome:
    """Return the outcome of a run, which has to have failed."""
    assert ran.outcome is not None and ran.outcome.status == FAILED, ran.outcome
    return ran.outcome


def test_a_run_of_one_task_makes_three_requests(make_bench: Callable[..., Bench]) -> None:
    bench = make_bench()
    bench.stack.start_luigid()
    with proxy_before(bench.stack.luigid_url) as proxy:
        bench.use(DATANECTAR_LUIGID_URL=proxy.url)

        done(bench.start().run("basic/plain_chain/GreetTask", name="terse"))

    # It schedules the task, gets it, and reports its end.
    assert proxy.asked == ["/api/batch"] * 3


def test_a_luigid_as_luigi_ships_it_gets_a_request_for_each_call(
    make_bench: Callable[..., Bench], tmp_path: Path
) -> None:
    bench = make_bench()
    bench.stack.start_plain_luigid(CONFIGURATION)
    with proxy_before(bench.stack.luigid_url) as proxy:
        bench.use(DATANECTAR_LUIGID_URL=proxy.url)

        done(bench.start().run("basic/plain_chain/GreetTask", name="terse"))

    calls = ["add_task", "add_worker", "get_work", "add_task"]
    assert proxy.asked == [f"/api/{call}" for call in calls]


def test_luigids_page_shows_who_a_runs_worker_is(bench: Bench, tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    bench.stack.chain(
        "made/gated_chain",
        "import os, time\nfrom datanectar import NectarTask\n"
        "class GatedTask(NectarTask):\n"
        "    def run(self):\n"
        f"        while not os.path.exists({str(gate)!r}): time.sleep(0.05)\n"
        "        self.output().open('w').close()\n",
    )
    ran = bench.begin("made/gated_chain/GatedTask")

    def is_shown() -> bool:
        workers = bench.stack.luigid.call("worker_list")
        return any(w["name"] == worker_id(ran.run_id) and "username" in w for w in workers)

    wait_for(is_shown, "luigid's page shows who the worker is")
    gate.touch()
    done(bench.finish(ran))


@pytest.mark.parametrize(("option", "apart"), [("false", False), ("true", True)])
def test_what_a_chain_sets_for_its_worker_counts(bench: Bench, option: str, apart: bool) -> None:
    bench.stack.chain(
        f"made/sets_{option}_chain",
        "import os, luigi\nfrom datanectar import NectarTask\n"
        f"luigi.configuration.get_config().set('worker', 'force_multiprocessing', {option!r})\n"
        "class SetsTask(NectarTask):\n"
        "    def run(self):\n"
        "        with self.output().open('w') as out: out.write(str(os.getpid() != os.getsid(0)))\n",
    )

    ran = done(bench.run(f"made/sets_{option}_chain/SetsTask"))

    assert bench.file(ran.key).read_text() == str(apart)


@pytest.mark.parametrize("option", ["count_uniques", "count_last_scheduled"])
def test_what_keeps_luigis_own_worker_waiting_keeps_no_run(
    bench: Bench, tmp_path: Path, option: str
) -> None:
    place = f"made/{option}_chain"
    bench.stack.chain(
        place,
        "import luigi\n"
        f"luigi.configuration.get_config().set('worker', {option!r}, 'true')\n"
        "class DataTask(luigi.ExternalTask):\n"
        f"    def output(self): return luigi.LocalTarget({str(tmp_path / 'none')!r})\n"
        "class NeedsDataTask(luigi.WrapperTask):\n"
        "    def requires(self): return DataTask()\n",
    )

    assert "External data is missing" in str(failed(bench.run(f"{place}/NeedsDataTask")).error)


@pytest.mark.parametrize("task", ["OffTask", "NeedsOffTask"])
def test_a_task_that_is_switched_off_fails_the_run_and_is_named(bench: Bench, task: str) -> None:
    bench.stack.chain(
        "made/off_chain",
        "from datanectar import NectarTask\n"
        "class OffTask(NectarTask):\n"
        "    disabled = True\n"
        "class NeedsOffTask(NectarTask):\n"
        "    def requires(self): return OffTask()\n",
    )

    ran = bench.run(f"made/off_chain/{task}")

    why = "OffTask(): it is switched off: its class says `disabled = True`"
    assert failed(ran).error == why
    assert ran.reported("OffTask")["status"] == FAILED


def test_parameters_that_can_be_batched_are_done_in_one_go(bench: Bench, tmp_path: Path) -> None:
    ran = done(bench.run(f"{LUIGI}/BatchesTask", folder=str(tmp_path)))

    assert lines_of(tmp_path / "evidence") == ["up to 4"]
    assert ran.reported("BatchesTask")["status"] == DONE
    batched = {r.task_id for r in ran.reports if "BatchTask" in r.task_id}
    assert {ran.reported(task_id)["status"] for task_id in batched} == {DONE}
    said = [(r.task_id, r.status) for r in ran.reports if r.status]
    begun = {task_id for task_id, status in said if status == RUNNING}
    assert begun >= batched  # each while its batch runs, not when it has ended


def test_what_is_batched_is_tried_again_as_often_as_it_asks(
    make_bench: Callable[..., Bench], tmp_path: Path
) -> None:
    bench = make_bench(DATANECTAR_RETRY_DELAY="0.2").start()
    bench.stack.chain(
        "made/batch_chain",
        "import luigi, pathlib\n"
        "class PartTask(luigi.Task):\n"
        "    n = luigi.Parameter(batch_method=','.join)\n"
        "    folder = luigi.Parameter()\n"
        "    good_at = luigi.IntParameter()\n"
        "    max_batch_size = 10\n"
        "    retry_count = 3\n"
        "    def output(self):\n"
        "        each = [f'{self.folder}/{n}' for n in self.n.split(',')]\n"
        "        return [luigi.LocalTarget(path) for path in each]\n"
        "    def run(self):\n"
        "        tries = pathlib.Path(self.folder, 'tries')\n"
        "        with tries.open('a') as lines: print('try', file=lines)\n"
        "        if len(tries.read_text().split()) < self.good_at: raise ValueError('not yet')\n"
        "        for target in self.output(): target.open('w').close()\n"
        "class PartsTask(luigi.WrapperTask):\n"
        "    folder = luigi.Parameter()\n"
        "    good_at = luigi.IntParameter()\n"
        "    def requires(self):\n"
        "        return [PartTask(n, self.folder, self.good_at) for n in 'abc']\n",
    )
    (tmp_path / "good").mkdir()
    (tmp_path / "bad").mkdir()

    done(bench.run("made/batch_chain/PartsTask", folder=str(tmp_path / "good"), good_at=3))
    assert lines_of(tmp_path / "good" / "tries") == ["try"] * 3

    ran = bench.run("made/batch_chain/PartsTask", folder=str(tmp_path / "bad"), good_at=5)
    assert failed(ran).error == "ValueError: not yet"
    assert lines_of(tmp_path / "bad" / "tries") == ["try"] * 3
    # What luigid still holds against the batch is no reason to do it twice.
    done(bench.run("made/batch_chain/PartsTask", folder=str(tmp_path / "bad"), good_at=4))
    assert lines_of(tmp_path / "bad" / "tries") == ["try"] * 4
