"""Tasks in processes of their own: how their ends are judged and told."""

from __future__ import annotations

import pytest

from datanectar.messages import Outcome
from datanectar.statuses import DONE, FAILED
from tests.servers.bench import Bench, Ran


def done(ran: Ran) -> Ran:
    """Return the run, which has to have ended well."""
    assert ran.outcome == Outcome(DONE), ran.outcome
    return ran


def failed(ran: Ran) -> Outcome:
    """Return the outcome of a run, which has to have failed."""
    assert ran.outcome is not None and ran.outcome.status == FAILED, ran.outcome
    return ran.outcome


def test_a_task_that_fails_in_a_process_of_its_own_is_told_how(bench: Bench) -> None:
    ends = {
        "exit0": "exit code 0",
        "exit3": "exit code 3",
        "segfault": "SIGSEGV",
        "kill": "SIGKILL",
        "memory": "MemoryError",
    }
    for how, words in ends.items():
        ran = bench.run("bad/fail_chain/DieApartTask", how=how)

        outcome = failed(ran)

        assert words in str(outcome.error), (how, outcome)
        assert outcome.failed_key == ran.key
        assert f"dying by {how}" in bench.log(ran.key)
        assert words in bench.log(ran.key)


@pytest.mark.slow
def test_a_task_with_a_time_limit_of_its_own_is_stopped_whatever_it_ignores(
    bench: Bench,
) -> None:
    ran = bench.run("bad/fail_chain/StubbornTask", name="x")

    assert "timed out after 1 seconds" in str(failed(ran).error)
    assert "looping" in bench.log(ran.key)
    assert "timed out after 1 seconds" in bench.log(ran.key)


def test_no_log_says_that_a_task_left_no_result_which_did(bench: Bench) -> None:
    bench.stack.chain(
        "made/crowd_chain",
        "import luigi\n"
        "from datanectar import NectarTask\n"
        "class OneTask(NectarTask):\n"
        "    n = luigi.IntParameter()\n"
        "    def run(self): self.output().open('w').close()\n"
        "class CrowdTask(luigi.WrapperTask):\n"
        "    workers = 6\n"
        "    def requires(self): return [OneTask(n=n) for n in range(36)]\n",
    )

    ran = done(bench.run("made/crowd_chain/CrowdTask"))

    keys = {report.key for report in ran.reports if report.key and "OneTask" in report.task_id}
    assert len(keys) == 36
    assert [key for key in keys if "left no result" in bench.log(key)] == []
