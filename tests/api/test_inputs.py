"""Files of others, and the newest result, as inputs of tasks in a running service."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.api.answers import data, refused
from tests.servers.processes import wait_for
from tests.servers.stack import Stack

PLACE = "etl/inputs_chain"
CHAIN = '''
import os, pathlib, time
import luigi
from datanectar import NectarTask, external, latest

class PricesTask(NectarTask):
    """Reads a file that others make."""
    day = luigi.DateParameter()
    prices = external("prices/{day}.csv", description="made by the shop")
    def requires(self):
        return self.prices
    def run(self):
        with self.input().open() as lines:
            self.save(lines.read())

class ReportTask(NectarTask):
    """Takes yesterday's while today's is not there."""
    day = luigi.DateParameter()
    def requires(self):
        return latest(PricesTask, at_most={"day": self.day})
    def run(self):
        self.save("report of " + self.load(self.input()))

class WrapTask(NectarTask):
    """Requires a task whose file may be missing."""
    day = luigi.DateParameter()
    def requires(self):
        return PricesTask(day=self.day)
    def run(self):
        self.save(self.load(self.input()))

class SourceTask(NectarTask):
    source = external()
    def run(self):
        self.save(self.load(self.source))

class WaitTask(NectarTask):
    gate = luigi.Parameter()
    source = external("late.txt")
    def run(self):
        pathlib.Path(self.gate + ".begun").touch()
        while not os.path.exists(self.gate):
            time.sleep(0.05)
        self.save(self.load(self.source))
'''


@pytest.fixture(scope="module")
def shop(stack: Stack) -> Stack:
    stack.chain(PLACE, CHAIN)
    (stack.project / "prices").mkdir()
    return stack


def prices(shop: Stack, day: str, text: str) -> None:
    (shop.project / "prices" / f"{day}.csv").write_text(text)


def test_a_changed_file_is_another_run_under_another_key(shop: Stack) -> None:
    prices(shop, "2026-01-01", "1")
    first = shop.run(f"{PLACE}/PricesTask", day="2026-01-01")
    same = data(shop.post(f"{PLACE}/PricesTask?day=2026-01-01"))
    assert (same["key"], same["job_status"]) == (first["key"], "DONE")

    prices(shop, "2026-01-01", "23")
    second = shop.run(f"{PLACE}/PricesTask", day="2026-01-01")

    assert second["key"] != first["key"]
    assert second["job_status"] == "DONE"
    assert shop.file(str(first["key"])).read_text() == "1"
    assert shop.file(str(second["key"])).read_text() == "23"


def test_a_missing_file_is_a_400_that_names_it(shop: Stack) -> None:
    answer = shop.post(f"{PLACE}/PricesTask?day=1999-01-01")

    fields = refused(answer, 400)["data"]["fields"]
    assert f"There is no file {shop.project}/prices/1999-01-01.csv" in fields["prices"]


def test_a_file_that_is_missing_below_fails_the_run_with_its_name(shop: Stack) -> None:
    status = shop.run(f"{PLACE}/WrapTask", day="1999-01-02")

    assert status["job_status"] == "FAILED"
    assert "There is no file" in str(status["error"])
    assert "prices/1999-01-02.csv" in str(status["error"])


def test_a_request_can_name_a_file_where_the_class_does_not(shop: Stack) -> None:
    prices(shop, "2026-02-01", "7")
    file = shop.project / "seven.txt"
    file.write_text("7")

    status = shop.run(f"{PLACE}/SourceTask", source=str(file))

    assert shop.file(str(status["key"])).read_text() == "7"
    for other in ("/etc/passwd", "/etc/passwd%23modified=1,1"):
        answer = shop.post(f"{PLACE}/PricesTask?day=2026-02-01&prices={other}")
        assert "and no other file" in refused(answer, 400)["message"]


def test_the_listing_and_the_dry_run_show_the_file(shop: Stack) -> None:
    task = data(shop.get(f"/api/chains/{PLACE}/PricesTask"))
    (item,) = [item for item in task["parameters"] if item["name"] == "prices"]
    assert (item["default"], item["required"]) == ("prices/{day}.csv", False)
    assert item["description"] == "made by the shop"
    prices(shop, "2026-03-01", "7")

    key = data(shop.get(f"/api/chains/{PLACE}/PricesTask/key?day=2026-03-01"))

    assert key["parameters"]["prices"].startswith("prices/2026-03-01.csv#modified=")


def test_a_file_that_changes_while_the_run_goes_on_fails_it(shop: Stack, tmp_path: Path) -> None:
    """The result would else lie under the key of a content that it was not made of."""
    (shop.project / "late.txt").write_text("1")
    gate = tmp_path / "gate"
    key = data(shop.post(f"{PLACE}/WaitTask?gate={gate}"))["key"]
    wait_for(Path(f"{gate}.begun").exists, "the task has begun")
    (shop.project / "late.txt").write_text("23")
    gate.touch()

    status = shop.ended(key)

    assert status["job_status"] == "FAILED"
    assert "late.txt has changed since this task was requested: request it again" in str(
        status["error"]
    )


def test_the_latest_result_stands_in_for_todays(shop: Stack) -> None:
    prices(shop, "2026-05-01", "may 1")
    shop.run(f"{PLACE}/PricesTask", day="2026-05-01")

    status = shop.run(f"{PLACE}/ReportTask", day="2026-05-02")
    assert status["job_status"] == "DONE", status

    assert shop.file(str(status["key"])).read_text() == "report of may 1"


def test_no_result_at_all_is_told(shop: Stack) -> None:
    status = shop.run(f"{PLACE}/ReportTask", day="1990-01-01")

    assert status["job_status"] == "FAILED"
    assert "latest(PricesTask, day at most 1990-01-01): no result is there" in str(status["error"])
