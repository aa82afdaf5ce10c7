"""The helpers in runs of the service: a real luigid, real children."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from datanectar.authoring import frames
from datanectar.messages import Outcome
from datanectar.statuses import DONE, FAILED
from tests.authoring.chains import CHAIN
from tests.authoring.test_task_logger import check
from tests.servers.bench import Bench

PLACE = "etl/helped_chain"


@pytest.fixture
def helped(bench: Bench) -> Iterator[Bench]:
    bench.stack.chain(PLACE, CHAIN)
    yield bench


def test_a_chain_saves_loads_and_logs(helped: Bench) -> None:
    ran = helped.run(f"{PLACE}/SumTask", n=9)

    assert ran.outcome == Outcome(DONE)
    assert helped.file(ran.key).read_text() == "1 [2, 9]"


def test_the_loggers_lines_are_in_the_tasks_log_once(helped: Bench) -> None:
    ran = helped.run(f"{PLACE}/LogTask")

    lines = helped.log(ran.key).splitlines()
    check([line for line in lines if "helped_chain.LogTask: " in line or line == "printed"])


def test_progress_reaches_the_report_of_the_run(helped: Bench) -> None:
    ran = helped.run(f"{PLACE}/TrackTask")

    reported = ran.reported("TrackTask")
    assert (reported["progress"], reported["message"]) == (100, "40 of 40")
    sent = [report.message for report in ran.reports if report.message]
    assert sent == ["0 of 40", "40 of 40"]


@pytest.mark.parametrize("library", frames.LIBRARIES)
def test_a_frame_is_saved_and_loaded_in_a_forked_child(helped: Bench, library: str) -> None:
    """Both libraries have threads, which a fork does not take along."""
    pytest.importorskip(library)
    pytest.importorskip("pyarrow")

    ran = helped.run(f"{PLACE}/FrameTask", library=library)

    assert ran.outcome == Outcome(DONE), helped.log(ran.key)
    assert "sum 4999950000" in helped.log(ran.key)


def test_a_value_that_can_not_be_saved_fails_the_run_in_words(helped: Bench) -> None:
    helped.stack.chain(
        "etl/wrong_chain",
        "from datanectar import NectarTask\n"
        "class WrongTask(NectarTask):\n"
        "    output_name = 'out.csv'\n"
        "    def run(self):\n"
        "        self.save([1, 2])\n",
    )

    ran = helped.run("etl/wrong_chain/WrongTask")

    assert ran.outcome is not None
    assert ran.outcome.status == FAILED
    assert "WrongTask.save() to out.csv: it takes a DataFrame" in str(ran.outcome)
