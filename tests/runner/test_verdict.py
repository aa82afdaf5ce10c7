"""A run succeeds where Luigi's rules say so: nothing raised, and each declared output exists."""

from __future__ import annotations

from pathlib import Path

import pytest

from datanectar.messages import DescribeJob, Outcome
from datanectar.statuses import DONE, FAILED
from tests.servers.bench import LIMIT, Bench, lines_of

NOTHING = "luigi/nothing_chain"


@pytest.mark.parametrize("task", ["NotifyTask", "NotifyApartTask", "AlwaysTask"])
def test_a_task_that_keeps_nothing_is_done_when_it_ran_and_runs_every_time(
    bench: Bench, tmp_path: Path, task: str
) -> None:
    """Fault 1.4."""
    evidence = tmp_path / "evidence"

    for _ in range(2):
        ran = bench.run(f"{NOTHING}/{task}", evidence=str(evidence))
        assert ran.outcome == Outcome(DONE), ran.outcome
        assert ran.reported(task)["status"] == DONE

    assert lines_of(evidence) == [task, "success"] * 2
    assert bench.resolve(f"{NOTHING}/{task}", evidence=str(evidence)).complete is False


def test_a_task_that_keeps_nothing_is_retried_as_often_as_it_may(
    bench: Bench, tmp_path: Path
) -> None:
    """Fault 1.4."""
    ran = bench.run(f"{NOTHING}/FlakyTask", evidence=str(tmp_path / "e"))

    assert ran.outcome == Outcome(DONE), ran.outcome
    assert lines_of(tmp_path / "e") == ["FlakyTask", "failure", "FlakyTask", "success"]


@pytest.mark.parametrize("task", ["WrapTask", "AlwaysNectarTask"])
def test_a_wrapper_or_a_nectar_task_that_is_never_complete_is_done(bench: Bench, task: str) -> None:
    """Fault 1.4."""
    assert bench.run(f"{NOTHING}/{task}").outcome == Outcome(DONE)


def test_a_task_takes_its_own_word_for_what_it_keeps(bench: Bench, tmp_path: Path) -> None:
    """Fault 1.4."""
    ran = bench.run(f"{NOTHING}/OwnWordTask", evidence=str(tmp_path / "e"))

    assert ran.outcome == Outcome(DONE), ran.outcome


def test_an_output_that_is_declared_and_not_there_is_a_failure_in_words(
    bench: Bench, tmp_path: Path
) -> None:
    """Fault 1.4."""
    evidence = tmp_path / "evidence"

    ran = bench.run(f"{NOTHING}/NeverTask", evidence=str(evidence))

    assert ran.outcome is not None and ran.outcome.status == FAILED
    assert str(ran.outcome.error).startswith(
        f"NeverTask ran, and its output is not there: {evidence}.out. Write it in run(), or "
    )
    assert ran.outcome.failed_key == ran.key
    assert lines_of(evidence) == ["never", "failure"]


def test_what_needs_a_task_that_keeps_nothing_fails_as_luigi_has_it(
    bench: Bench, tmp_path: Path
) -> None:
    """Fault 1.4: Luigi asks each dependency's complete() just before it runs what needs it."""
    ran = bench.run(f"{NOTHING}/NeedsNotifyTask", evidence=str(tmp_path / "e"))

    assert ran.outcome is not None and ran.outcome.status == FAILED
    assert "Unfulfilled dependency at run time" in str(ran.outcome.error)


@pytest.mark.parametrize("width", [1, 2])
def test_a_task_that_raised_is_not_done_though_its_output_is_there(
    bench: Bench, tmp_path: Path, width: int
) -> None:
    """Fault 2.3."""
    place = f"{NOTHING}/WriteAndRaiseTask"
    resolution = bench.resolve(place, evidence=str(tmp_path / "e"))

    ran = bench.finish(bench.begin_resolved(place, resolution, width=width))

    assert ran.outcome is not None
    assert (ran.outcome.status, ran.outcome.error) == (FAILED, "ValueError: after all")


def test_missing_external_data_is_sorted_with_its_path(bench: Bench, tmp_path: Path) -> None:
    """Fault 1.13."""
    ran = bench.run(f"{NOTHING}/JoinTask", folder=str(tmp_path))

    assert ran.outcome is not None and ran.outcome.status == FAILED
    error = str(ran.outcome.error)
    places = [error.find(f"{tmp_path}/{letter}.csv") for letter in "abcde"]
    assert error.startswith("External data is missing: ")
    assert -1 not in places and places == sorted(places)
    assert error.endswith(" and 3 more.")
    assert f"{tmp_path}/f.csv" not in error


def test_the_listing_says_which_tasks_run_every_time(bench: Bench) -> None:
    """Fault 1.4."""
    job = DescribeJob("luigi", "nothing_chain")
    chain = bench.children.ask(job, timeout=LIMIT, subject=NOTHING)

    notes = {task.name: task.note for task in chain.tasks}
    every_time = {name for name, note in notes.items() if note}
    assert every_time == {"NotifyTask", "NotifyApartTask", "FlakyTask", "NeedsNotifyTask"}
    assert notes["NotifyTask"] == "no result to keep: runs every time"
