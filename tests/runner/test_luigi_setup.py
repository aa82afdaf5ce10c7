"""What is in a task's log beside its output: what it logs, and no secrets."""

from __future__ import annotations

import json
import logging
import re
import time
from pathlib import Path

import pytest

from datanectar.errors import BadRequest
from datanectar.messages import DescribeJob, Outcome
from datanectar.runner.luigi_setup import ZonedFormatter
from datanectar.statuses import DONE
from tests.servers.bench import LIMIT, Bench

SECRET = "luigi/secret_chain"

CHAT = """
import logging
from datanectar import NectarTask

{at_import}

class ChatTask(NectarTask):
    def run(self):
        {in_run}
        logging.getLogger("mine").debug("debug line")
        logging.getLogger("mine").info("info line")
        logging.getLogger("mine").warning("warn line")
        logging.info("root line")
        self.output().open("w").close()
"""


def chat(bench: Bench, name: str, at_import: str = "", in_run: str = "pass") -> list[str]:
    """Return the log's lines of a task that logs."""
    source = CHAT.format(at_import=at_import, in_run=in_run)
    bench.stack.chain(f"made/{name}_chain", source)
    ran = bench.run(f"made/{name}_chain/ChatTask")
    assert ran.outcome == Outcome(DONE), ran.outcome
    return [line for line in bench.log(ran.key).splitlines() if line.endswith(" line")]


def test_what_a_task_logs_is_in_its_log_with_time_level_and_name(bench: Bench) -> None:
    """Fault 2.10."""
    lines = chat(bench, "chat")

    time = r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3}[+-]\d{4}"
    expected = ["INFO mine: info line", "WARNING mine: warn line", "INFO root: root line"]
    assert len(lines) == len(expected)
    for line, words in zip(lines, expected, strict=True):
        assert re.fullmatch(f"{time} {words}", line), line


@pytest.mark.parametrize("where", ["at_import", "in_run"])
def test_what_a_chain_configures_wins(bench: Bench, where: str) -> None:
    """Fault 2.10."""
    line = 'logging.basicConfig(format="MINE %(message)s", level=logging.WARNING)'

    assert chat(bench, where, **{where: line}) == ["MINE warn line"]


@pytest.mark.parametrize("task", ["SecretTask", "PlainSecretTask"])
@pytest.mark.parametrize("bad", [False, True])
def test_values_that_may_not_be_seen_are_in_no_log(
    bench: Bench, tmp_path: Path, task: str, bad: bool
) -> None:
    """Fault 4.6: whether it works or fails."""
    place = {"path": str(tmp_path / "out")} if task.startswith("Plain") else {}
    secrets = {"token": "SEKRIT-token", "door": "SEKRIT-door"}
    ran = bench.begin(f"{SECRET}/{task}", bad=bad, **place, **secrets)
    run_log = ran.attempt_dir.with_name(f"{ran.attempt_dir.name}.log")
    while not run_log.exists():
        pass
    kept = tmp_path / "run.log"
    kept.hardlink_to(run_log)

    bench.finish(ran)

    said = [bench.log(ran.key), kept.read_text(), str(ran.reports), str(ran.outcome)]
    assert f"{task}(" in said[0]
    assert "was stopped" not in said[1]  # fault 3.22: a run may build again
    assert [text for text in said if "SEKRIT" in text] == []


@pytest.mark.parametrize("task", ["OneSecretTask", "LostSecretTask"])
def test_a_task_with_nothing_else_to_show_shows_nothing(bench: Bench, task: str) -> None:
    """Fault 4.6."""
    ran = bench.run(f"{SECRET}/{task}", token="SEKRIT")

    assert "SEKRIT" not in bench.log(ran.key)
    assert "SEKRIT" not in str(ran.outcome)


@pytest.mark.parametrize(
    ("task", "given"),
    [
        ("SecretTask", {"number": "SEKRIT"}),
        ("SecretTask", {"choice": "SEKRIT"}),
        ("SecretTask", {"token": ["SEKRIT"]}),
        ("PickyTask", {"token": "SEKRIT"}),
    ],
)
def test_a_private_value_that_is_refused_is_not_repeated(
    bench: Bench, task: str, given: dict[str, object]
) -> None:
    """Fault 4.6."""
    with pytest.raises(BadRequest) as problem:
        bench.resolve(f"{SECRET}/{task}", **given)

    told = problem.value.message + json.dumps(problem.value.fields)
    assert "SEKRIT" not in told and "choice-" not in told


def test_choices_of_a_private_parameter_are_not_listed(bench: Bench) -> None:
    """Fault 4.6."""
    job = DescribeJob("luigi", "secret_chain")
    chain = bench.children.ask(job, timeout=LIMIT, subject=SECRET)

    assert "choice-" not in str(chain)


def test_each_line_has_the_offset_of_its_own_moment(monkeypatch: pytest.MonkeyPatch) -> None:
    """A process that was forked before the clocks changed logs the right offset after."""
    formatter = ZonedFormatter("%(asctime)s %(message)s")
    record = logging.makeLogRecord({"msg": "x"})
    said = []
    with monkeypatch.context() as patch:
        patch.setenv("TZ", "CET-1CEST,M3.5.0,M10.5.0/3")
        time.tzset()
        for record.created, record.msecs in ((1467331200.0, 5.0), (1451606400.0, 70.0)):
            said.append(formatter.format(record))
    time.tzset()

    assert said == ["2016-07-01 02:00:00,005+0200 x", "2016-01-01 01:00:00,070+0100 x"]
