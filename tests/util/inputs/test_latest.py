"""The newest result that is there."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path
from types import ModuleType

import pytest

from datanectar import latest, settings
from datanectar.errors import ChainError, NotFound
from datanectar.settings import Settings
from datanectar.util.inputs.run_memory import kept_for_the_run
from tests.util.chains import imported

CHAIN = """
import luigi
from datanectar import NectarTask, external, latest

class PricesTask(NectarTask):
    shop = luigi.Parameter()
    day = luigi.DateParameter()
    verbose = luigi.BoolParameter(default=False, significant=False)
    def run(self):
        self.save(f"{self.shop} {self.day}")

class FileTask(NectarTask):
    day = luigi.DateParameter()
    prices = external("prices.txt")
    def run(self):
        self.save(self.load(self.prices))

class PagesTask(NectarTask):
    output_name = "pages/"
    day = luigi.DateParameter()
    def run(self):
        self.save({"a.txt": str(self.day)})

class DailyTask(NectarTask):
    def run(self):
        self.save("")

class OwnTask(NectarTask):
    n = luigi.IntParameter()
    def output(self):
        return self.named_output("x.txt")

class ReportTask(NectarTask):
    day = luigi.DateParameter()
    def requires(self):
        return latest(PricesTask, shop="a", at_most={"day": self.day})
    def run(self):
        self.save(self.load(self.input()))
"""


def day(number: int) -> date:
    return date(2026, 1, number)


@pytest.fixture(params=["local", "moto"])
def chain(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[ModuleType]:
    with imported(CHAIN, "latest_chain", tmp_path, monkeypatch) as module:
        if request.param == "moto":
            use: Callable[..., Settings] = request.getfixturevalue("s3_settings")
            use(request.getfixturevalue("moto_s3"))
            from datanectar.storage.registry import storage_named

            storage_named("s3").prepare()
        yield module
        settings.current.cache_clear()


def make(chain: ModuleType, *days: int, shop: str = "a") -> None:
    for number in days:
        chain.PricesTask(shop=shop, day=day(number)).run()


def test_the_latest_day_is_taken_whenever_it_was_made(chain: ModuleType) -> None:
    make(chain, 3, 1, 2)

    assert latest(chain.PricesTask, shop="a").day == day(3)
    assert latest(chain.PricesTask, shop="a", at_most={"day": day(2)}).day == day(2)


def test_other_values_of_what_is_named_do_not_count(chain: ModuleType) -> None:
    make(chain, 1)
    make(chain, 9, shop="b")

    assert latest(chain.PricesTask, shop="a") == chain.PricesTask(shop="a", day=day(1))
    assert latest(chain.PricesTask).shop == "b"


def test_what_is_not_there_does_not_count(chain: ModuleType) -> None:
    make(chain, 1, 2)
    chain.PricesTask(shop="a", day=day(2)).output().remove()

    assert latest(chain.PricesTask, shop="a").day == day(1)


def test_nothing_at_all_is_named_or_the_default(chain: ModuleType) -> None:
    with pytest.raises(NotFound, match=r"latest\(PricesTask, shop=a, day at most 2026-01-02\): no"):
        latest(chain.PricesTask, shop="a", at_most={"day": day(2)})
    today = chain.PricesTask(shop="a", day=day(3))
    assert latest(chain.PricesTask, shop="a", default=today) is today
    assert latest(chain.PricesTask, shop="a", default=None) is None


def test_results_of_another_version_do_not_count(
    chain: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    make(chain, 1)
    monkeypatch.setattr(chain.PricesTask, "version", "2")

    assert latest(chain.PricesTask, shop="a", default=None) is None


def test_of_several_states_of_a_file_the_one_made_last_is_taken(
    chain: ModuleType, tmp_path: Path
) -> None:
    for number, content in [(2, "old"), (2, "newer"), (1, "newest")]:
        (tmp_path / "prices.txt").write_text(content)
        task = chain.FileTask(day=day(number))
        task.run()
        file = task.output().storage.local_path(task.key, "out.txt")
        if file:
            os.utime(file, (len(content), len(content)))
        else:
            wait_for_the_next_second()

    assert latest(chain.FileTask).load() == "newer"


def wait_for_the_next_second() -> None:
    """S3 keeps times in whole seconds."""
    began = int(time.time())
    while int(time.time()) == began:
        time.sleep(0.01)


def test_a_folder_counts_too(chain: ModuleType) -> None:
    for number in (1, 2):
        chain.PagesTask(day=day(number)).run()

    assert latest(chain.PagesTask).day == day(2)


def test_a_run_takes_the_same_one_throughout(chain: ModuleType) -> None:
    make(chain, 1)
    report = chain.ReportTask(day=day(5))
    with kept_for_the_run():
        assert report.requires().day == day(1)
        make(chain, 2)
        assert report.requires().day == day(1)
    assert report.requires().day == day(2)


@pytest.mark.parametrize(
    ("task", "options", "words"),
    [
        ("DailyTask", {}, "no parameter is left to choose by"),
        ("PricesTask", {"shop": "a", "day": date(2026, 1, 1)}, "no parameter is left"),
        ("PricesTask", {"shpo": "a"}, "it has no parameter shpo"),
        ("PricesTask", {"at_most": {"dya": 1}}, "it has no parameter dya"),
        ("OwnTask", {}, "without output"),
    ],
)
def test_a_question_without_an_answer_is_the_chains_error(
    chain: ModuleType, task: str, options: dict[str, object], words: str
) -> None:
    with pytest.raises(ChainError, match=words):
        latest(getattr(chain, task), **options)


def test_values_without_an_order_are_told(chain: ModuleType) -> None:
    make(chain, 1, 2)

    with pytest.raises(ChainError, match="have no order"):
        latest(chain.PricesTask, shop="a", at_most={"day": 3})
