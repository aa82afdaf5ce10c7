"""Resources: what a task waits for is reported; a task that could never have them fails."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from datanectar.messages import Outcome, TaskReport
from datanectar.rpc.resources import problem_of, shortage
from datanectar.statuses import DONE, FAILED
from tests.servers.bench import Bench, Ran, lines_of
from tests.servers.processes import wait_for

CHAIN = """
import os, time
import luigi
from datanectar import NectarTask

class CardTask(NectarTask):
    name = luigi.Parameter()
    gate = luigi.Parameter(default="/", significant=False)
    cards = luigi.IntParameter(default=2)
    @property
    def resources(self):
        return {"card": self.cards}
    def run(self):
        if self.gate != "/":
            open(f"{self.gate}.reached", "w").close()
        while not os.path.exists(self.gate):
            time.sleep(0.02)
        self.output().open("w").close()

class OtherTask(NectarTask):
    evidence = luigi.Parameter()
    def run(self):
        with open(self.evidence, "a") as said:
            print("other", file=said)
        self.output().open("w").close()

class BothTask(NectarTask):
    evidence = luigi.Parameter()
    def requires(self):
        return [CardTask(name="both", cards=5), OtherTask(evidence=self.evidence)]
    def run(self):
        self.output().open("w").close()
"""
RENDER = "made/render_chain"


@pytest.fixture
def cards(make_bench: Callable[..., Bench]) -> Bench:
    """A bench of which luigid has two cards."""
    bench = make_bench()
    bench.stack.chain(RENDER, CHAIN)
    set_cards(bench, 2)
    return bench.start()


def set_cards(bench: Bench, number: int) -> None:
    (bench.settings.code / "luigi.cfg").write_text(f"[resources]\ncard={number}\n")


def done(ran: Ran) -> Ran:
    assert ran.outcome is not None
    assert ran.outcome.status == DONE, ran.outcome
    return ran


def failed(ran: Ran) -> Outcome:
    assert ran.outcome is not None
    assert ran.outcome.status == FAILED, ran.outcome
    return ran.outcome


def await_message(ran: Ran, words: str) -> None:
    """Wait until the run says why it waits."""

    def said() -> bool:
        ran.reports += [each for each in ran.child.reports(0.1) if isinstance(each, TaskReport)]
        return any(report.message == words for report in ran.reports)

    wait_for(said, words)


def test_resources_of_the_projects_luigi_cfg_count(cards: Bench, tmp_path: Path) -> None:
    """fault 1.6"""
    done(cards.run(f"{RENDER}/CardTask", name="two"))

    gate = tmp_path / "gate"
    first = cards.begin(f"{RENDER}/CardTask", name="first", gate=str(gate))
    wait_for((tmp_path / "gate.reached").exists, "the first has the cards")
    second = cards.begin(f"{RENDER}/CardTask", name="second", cards=1)
    await_message(second, "waits for 1 card; luigid has 2, 2 in use")
    gate.touch()
    done(cards.finish(first))
    done(cards.finish(second))
    assert second.reported("CardTask")["message"] == ""


def test_what_can_never_be_had_fails_with_the_reason_and_the_rest_is_done(
    cards: Bench, tmp_path: Path
) -> None:
    """fault 1.6"""
    evidence = tmp_path / "evidence"

    outcome = failed(cards.run(f"{RENDER}/BothTask", evidence=str(evidence)))

    words = "needs 5 card; luigid has 2 ([resources] in luigi.cfg)"
    assert str(outcome.error).endswith(words)
    assert lines_of(evidence) == ["other"]
    set_cards(cards, 5)
    time.sleep(1.1)  # luigid looks at the file once a second at most
    done(cards.run(f"{RENDER}/BothTask", evidence=str(evidence)))


def test_what_nobody_lists_is_there_once(cards: Bench) -> None:
    (cards.settings.code / "luigi.cfg").unlink()
    time.sleep(1.1)

    done(cards.run(f"{RENDER}/CardTask", name="one", cards=1))
    outcome = failed(cards.run(f"{RENDER}/CardTask", name="two", cards=2))

    assert "needs 2 card; luigid has 1" in str(outcome.error)


BAD = """
import luigi
from datanectar import NectarTask

class BadTask(NectarTask):
    {option}
    def run(self):
        self.output().open("w").close()

class FirstTask(NectarTask):
    evidence = luigi.Parameter()
    def run(self):
        open(self.evidence, "a").write("first\\n")
        self.output().open("w").close()

class NeedsBadTask(NectarTask):
    evidence = luigi.Parameter()
    def requires(self):
        return [BadTask(), FirstTask(evidence=self.evidence)]
    def run(self):
        self.output().open("w").close()
"""


@pytest.mark.parametrize(
    ("option", "words"),
    [
        ('resources = {"card": "1"}', "resources: card is '1'"),
        ('resources = {"card": True}', "resources: card is True"),
        ('resources = {"card": None}', "resources: card is None"),
        ('resources = {"card": -1}', "resources: card is -1"),
        ('resources = {"card": float("nan")}', "resources: card is nan"),
        ('resources = {"card": float("inf")}', "resources: card is inf"),
        ('resources = {"card": 10**5000}', "resources: card is"),
        ('resources = {"card": 10**30}', "resources: card is 1000"),
        ('resources = {"card": [1]}', "resources: card is [1]"),
        ("resources = {1: 1}", "resources: 1 is no name"),
        ('resources = {"<img src=x>": 1}', "is no name of a resource"),
        ('resources = ["card"]', "resources is ['card']"),
        ('resources = "card"', "resources is 'card'"),
        ("resources = property(lambda self: 1 / 0)", "ZeroDivisionError"),
        ('def process_resources(self): return {"card": "x"}', "resources: card is 'x'"),
        ("def process_resources(self): raise KeyError('r')", "KeyError: 'r'"),
        ('priority = "high"', "priority is 'high'"),
        ("priority = None", "priority is None"),
        ('priority = float("nan")', "priority is nan"),
        ('retry_count = "3"', "retry_count is '3'"),
        ('disable_window = "3"', "disable_window"),
        ('max_batch_size = "9"', "max_batch_size is '9'"),
    ],
)
def test_options_that_luigid_can_count_nothing_with_are_the_tasks_own_error(
    bench: Bench, tmp_path: Path, option: str, words: str
) -> None:
    """fault 3.2"""
    name = f"bad{abs(hash(option))}_chain"
    bench.stack.chain(f"badopt/{name}", BAD.format(option=option))
    evidence = tmp_path / "evidence"

    ran = bench.run(f"badopt/{name}/NeedsBadTask", evidence=str(evidence))

    assert words in str(failed(ran).error)
    assert str(failed(ran).failed_key).startswith(f"chains/badopt/{name}/BadTask/")
    assert ran.reported("BadTask_")["status"] == FAILED
    assert lines_of(evidence) == ["first"]
    # An innocent run that names a resource, and so is compared with all that luigid knows.
    done(bench.run("luigi/semantics_chain/ScarceTask", name=name, evidence=str(evidence)))


@pytest.mark.parametrize("option", ['priority = float("inf")', 'resources = {"card": 0}'])
def test_options_that_luigi_can_use_are_used(bench: Bench, tmp_path: Path, option: str) -> None:
    name = f"good{abs(hash(option))}_chain"
    bench.stack.chain(f"badopt/{name}", BAD.format(option=option))

    done(bench.run(f"badopt/{name}/NeedsBadTask", evidence=str(tmp_path / "evidence")))


def test_a_task_that_spoils_its_resources_while_it_runs_harms_nobody(
    bench: Bench, tmp_path: Path
) -> None:
    bench.stack.chain(
        "badopt/spoils_chain",
        "from datanectar import NectarTask\n"
        "class LeafTask(NectarTask):\n"
        "    def run(self): self.output().open('w').close()\n"
        "class SpoilTask(NectarTask):\n"
        "    def run(self):\n"
        "        self.resources = {'card': '1'}\n"
        "        yield LeafTask()\n"
        "        self.output().open('w').close()\n",
    )

    done(bench.run("badopt/spoils_chain/SpoilTask"))
    done(bench.run("luigi/semantics_chain/ScarceTask", name="s", evidence=str(tmp_path / "e")))


def test_a_result_that_is_there_needs_no_good_options(bench: Bench, tmp_path: Path) -> None:
    bench.stack.chain("badopt/there_chain", BAD.format(option='resources = {"card": "1"}'))
    key = bench.resolve("badopt/there_chain/BadTask").key
    bench.file(key).parent.mkdir(parents=True)
    bench.file(key).touch()

    done(bench.run("badopt/there_chain/NeedsBadTask", evidence=str(tmp_path / "evidence")))


@pytest.mark.parametrize(
    ("needed", "listed", "said"),
    [
        ({"card": 1}, [], ("waits for 1 card; luigid has 1, 1 in use", False)),
        ({"card": 1}, [{"name": "card", "num_total": 1, "num_used": 0}], None),
        (
            {"card": 1, "disk": 3},
            [
                {"name": "card", "num_total": 1, "num_used": 1},
                {"name": "disk", "num_total": 4, "num_used": 2},
            ],
            (
                "waits for 1 card; luigid has 1, 1 in use, for 3 disk; luigid has 4, 2 in use",
                False,
            ),
        ),
    ],
)
def test_shortage(needed: dict[str, float], listed: list[Any], said: Any) -> None:
    assert shortage(needed, listed) == said


def test_nothing_is_wrong_with_nothing() -> None:
    assert problem_of({}) is None
