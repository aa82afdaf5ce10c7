"""The pytest plugin, used as an author of chains uses it."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import luigi
import pytest

from chains.testchains.hello_luigiworld_chain import DownstreamTask
from chains.testchains.hello_luigiworld_chain import TestS3Task as HelloTask
from datanectar import Result, RunFailed, settings
from datanectar.testing.project import Project
from tests.util.chains import imported

Run = Callable[..., Result]


@pytest.mark.parametrize("nectar_store", ["local", "s3"])
def test_a_chain_runs_in_either_store(run_chain: Run, nectar_store: str) -> None:
    began = time.perf_counter()
    result = run_chain(DownstreamTask(seconds=0))
    print(f"a chain of two tasks, {nectar_store}: {time.perf_counter() - began:.3f} s")

    assert result.read_text() == "Hello, Luigi world! And hello, datanectar!\n"
    assert result.path.startswith("s3://") == (nectar_store == "s3")
    assert "step 10 of 10" in result.log
    assert run_chain(DownstreamTask(seconds=0)).ran == []


def test_a_task_is_run_alone(run_task: Run, fake_result: Callable[..., None]) -> None:
    with pytest.raises(pytest.fail.Exception, match="requires what is not there: TestS3Task"):
        run_task(DownstreamTask(seconds=0))
    fake_result(HelloTask(), "Servus.")
    result = run_task(DownstreamTask(seconds=0))
    assert (result.ran, result.read_text()) == (
        ["DownstreamTask"],
        "Servus. And hello, datanectar!\n",
    )


def test_the_run_date_is_the_tests_own(run_task: Run, run_date: Callable[[Any], None]) -> None:
    run_date("2016-06-03")
    assert run_task(HelloTask()).key.endswith("/b226f1826734303ca9d39d79f960b367")


def test_results_are_in_a_folder_of_the_test(nectar_project: Project, run_task: Run) -> None:
    assert nectar_project.results() == []
    path = run_task(HelloTask()).path
    assert path.startswith(str(nectar_project.folder))
    assert settings.current().is_local


def test_the_plugin_loads_luigi_for_no_test_that_does_not_use_it() -> None:
    code = (
        "import sys, datanectar.testing.plugin; "
        "print([m for m in ('luigi', 'boto3', 'moto', 'datanectar.settings') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


CHAIN = """
import os
import luigi
from datanectar import NectarTask, external, latest

class SplitTask(NectarTask):
    def output(self):
        return {name: self.named_output(f"{name}.json") for name in ("train", "test")}
    def run(self):
        raise AssertionError("the tests fake it")

class PagesTask(NectarTask):
    output_name = "pages/"
    def run(self):
        raise AssertionError("the tests fake it")

class CountTask(NectarTask):
    def requires(self):
        return {"split": SplitTask(), "pages": PagesTask()}
    def run(self):
        made = self.load(self.input())
        pages = sorted(path.name for path in made["pages"].rglob("*.*"))
        self.save(f"{made['split']} {pages}")

class PricesTask(NectarTask):
    day = luigi.IntParameter()
    prices = external("there/is/none.txt")
    def run(self):
        self.save(self.load(self.prices))

class NewestTask(NectarTask):
    day = luigi.IntParameter()
    def requires(self):
        return latest(PricesTask, at_most={"day": self.day})
    def run(self):
        self.save(self.load(self.input()))

class FlakyTask(NectarTask):
    gate = luigi.Parameter()
    retries = 2
    def run(self):
        with open(self.gate, "a") as tries:
            tries.write("x")
        if os.path.getsize(self.gate) < 3:
            raise OSError("not yet")
        self.save("done")

class HungryTask(NectarTask):
    memory = "100 MB"
    def run(self):
        bytearray(10**9)
"""


@pytest.fixture
def chain(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    with imported(CHAIN, "faked_chain", tmp_path, monkeypatch) as module:
        yield module


@pytest.mark.parametrize("nectar_store", ["local", "s3"])
def test_folders_and_several_outputs_are_faked(
    chain: ModuleType, run_task: Run, nectar_store: str
) -> None:
    upstream = {
        chain.SplitTask(): {"train": [1, 2], "test": [3]},
        chain.PagesTask(): {"a.html": "<p>", "b/c.json": {"x": 1}},
    }

    result = run_task(chain.CountTask(), upstream)

    assert result.read_text() == "{'train': [1, 2], 'test': [3]} ['a.html', 'c.json']"


def test_a_frame_is_faked_in_the_format_of_the_file(fake_result: Callable[..., None]) -> None:
    pandas = pytest.importorskip("pandas")
    pytest.importorskip("pyarrow")
    from chains.etl.bicycles_chain import ReportTask

    class FrameTask(ReportTask):  # type: ignore[misc]
        output_name = "out.parquet"

    FrameTask.__module__ = ReportTask.__module__
    task = FrameTask(period=luigi.DateIntervalParameter().parse("2016-05"))

    fake_result(task, pandas.DataFrame({"a": [1, 2]}))

    assert list(task.load()["a"]) == [1, 2]


def test_outputs_that_are_not_all_given_fail_the_test(
    chain: ModuleType, fake_result: Callable[..., None]
) -> None:
    with pytest.raises(AssertionError, match="has the outputs train, test: give"):
        fake_result(chain.SplitTask(), {"train": [1]})


def test_a_test_names_its_own_file_in_place_of_others(
    chain: ModuleType, run_chain: Run, tmp_path: Path
) -> None:
    (tmp_path / "prices.txt").write_text("7")
    run_chain(chain.PricesTask(day=1, prices=str(tmp_path / "prices.txt")))

    assert run_chain(chain.NewestTask(day=3)).read_text() == "7"


def test_retries_cost_a_test_no_time(chain: ModuleType, run_chain: Run, tmp_path: Path) -> None:
    result = run_chain(chain.FlakyTask(gate=str(tmp_path / "tries")))

    assert (result.read_text(), settings.current().retry_delay) == ("done", 0)


def test_the_memory_limit_holds_in_a_test_too(chain: ModuleType, run_chain: Run) -> None:
    with pytest.raises(RunFailed, match="HungryTask wanted more than its memory = '100 MB'"):
        run_chain(chain.HungryTask())
