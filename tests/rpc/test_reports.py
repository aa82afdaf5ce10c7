"""Reports say what happened, each in one piece of a pipe."""

from __future__ import annotations

import select
from typing import Any

import luigi
import pytest

from datanectar.messages import TaskReport, encode
from datanectar.rpc.reports import TaskReporter
from datanectar.rpc.run_tasks import RunTasks
from datanectar.statuses import DISABLED, DONE, FAILED, PENDING, RUNNING


class PlainTask(luigi.Task):
    """A task of no chain: it has no key."""


@pytest.fixture
def sent() -> list[TaskReport]:
    return []


@pytest.fixture
def reporter(sent: list[TaskReport]) -> TaskReporter:
    task = PlainTask()
    tasks = RunTasks(
        by_id={"t": task}, errors={"t": "Traceback\nReason: ValueError: " + "😀" * 2000}
    )
    return TaskReporter(sent.append, tasks)


def test_a_long_failure_is_divided(reporter: TaskReporter, sent: list[TaskReport]) -> None:
    required = [f"Needed_{n}_" + "x" * 90 for n in range(100)]

    reporter.status("t", FAILED, {"family": "PlainTask", "deps": required})

    assert max(len(encode(report)) for report in sent) <= select.PIPE_BUF
    assert [name for report in sent for name in report.requires or []] == required
    assert (sent[0].family, sent[0].status, sent[0].key) == ("PlainTask", FAILED, None)
    assert str(sent[0].error).startswith("ValueError: 😀")
    assert [report.traceback for report in sent if report.traceback] == ["Traceback"]


@pytest.mark.parametrize(
    ("status", "reported", "is_end"),
    [(PENDING, PENDING, False), (DONE, DONE, True), (DISABLED, FAILED, False)],
)
def test_statuses(
    reporter: TaskReporter, sent: list[TaskReport], status: str, reported: str, is_end: bool
) -> None:
    reporter.status("u", status, {})

    (report,) = sent
    assert (report.status, report.finished is not None) == (reported, is_end)


def test_what_a_task_waits_for_is_reported_once_and_taken_back_when_it_starts(
    reporter: TaskReporter, sent: list[TaskReport]
) -> None:
    reporter.waits("t", "waits for 1 card")
    reporter.waits("t", "waits for 1 card")
    reporter.started("t")

    assert [(r.status, r.message) for r in sent] == [(None, "waits for 1 card"), (RUNNING, "")]


@pytest.mark.parametrize(("said", "kept"), [(-3, 0), (40, 40), (1000, 100)])
def test_progress_is_a_percentage(
    reporter: TaskReporter, sent: list[Any], said: int, kept: int
) -> None:
    reporter.progress("t", said)

    assert sent == [TaskReport("t", progress=kept)]


class SecretTask(luigi.Task):
    """A task with a parameter that nobody may see."""

    name = luigi.Parameter()
    word = luigi.Parameter(visibility=luigi.parameter.ParameterVisibility.PRIVATE)


def test_public_parameters_are_reported_once_and_cut(sent: list[TaskReport]) -> None:
    tasks = RunTasks(by_id={"t": SecretTask(name="n" * 500, word="s3cret")})
    reporter = TaskReporter(sent.append, tasks)

    reporter.status("t", PENDING, {})
    reporter.status("t", DONE, {})

    assert [report.params for report in sent if report.params] == [{"name": "n" * 60 + "…"}]
