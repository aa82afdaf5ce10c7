"""Runs against a real luigid: what users of Luigi rely on holds."""

from __future__ import annotations

import hashlib
import json
import select
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import requests
from msgspec.structs import replace

from datanectar.luigid import launch
from datanectar.messages import Outcome, encode
from datanectar.statuses import DISABLED, DONE, FAILED, PENDING, RUNNING
from tests.servers.bench import Bench, Ran, lines_of, wait_for_line
from tests.servers.processes import responds, wait_for

LUIGI = "luigi/semantics_chain"
#: Seconds for which luigid, as Luigi ships it, ignores that a task it calls DONE is to run again
#: (scheduler.py, ``stable_done_cooldown_secs``); a run asked for again takes less.
_COOLDOWN = 9.0


def done(ran: Ran) -> Ran:
    """Return the run, which has to have ended well."""
    assert ran.outcome == Outcome(DONE), ran.outcome
    return ran


# --- what is run ---------------------------------------------------------------------------


def test_what_a_task_yields_is_run_and_its_log_holds_all_rounds(
    bench: Bench, tmp_path: Path
) -> None:
    evidence = tmp_path / "evidence"

    ran = done(bench.run(f"{LUIGI}/DynamicTask", name="d", evidence=str(evidence)))

    assert bench.file(ran.key).read_text() == "d-1\nd-2\nd-3\n"
    begun = [line for line in lines_of(evidence) if line.startswith("begin")]
    assert sorted(begun) == ["begin d-1", "begin d-2", "begin d-3"]
    first, second = "after the first round", "after the second round"
    said = [line for line in bench.log(ran.key).splitlines() if line in ("entered", first, second)]
    # Luigi begins run() anew for each round (luigi/worker.py, TaskProcess._run_get_new_deps).
    assert said == ["entered", "entered", first, "entered", first, second]
    assert not bench.file(ran.key, "log.1").exists()
    assert len(ran.reported("DynamicTask")["requires"]) >= 1


def test_external_data_that_is_there_is_used(bench: Bench, tmp_path: Path) -> None:
    (tmp_path / "data").write_text("data")

    ran = done(bench.run(f"{LUIGI}/UseFileTask", path=str(tmp_path / "data")))

    assert bench.file(ran.key).read_text() == "DATA"


def test_external_data_that_is_missing_fails_the_run_and_is_named(
    bench: Bench, tmp_path: Path
) -> None:
    ran = bench.run(f"{LUIGI}/UseFileTask", path=str(tmp_path / "none"))

    assert ran.outcome is not None and ran.outcome.status == FAILED
    assert "External data is missing" in str(ran.outcome.error)
    assert str(tmp_path / "none") in str(ran.outcome.error)


def test_external_data_that_came_meanwhile_is_used_by_the_next_run(
    bench: Bench, tmp_path: Path
) -> None:
    data = tmp_path / "late"
    assert bench.run(f"{LUIGI}/UseFileTask", path=str(data)).outcome != Outcome(DONE)

    data.write_text("late")

    done(bench.run(f"{LUIGI}/UseFileTask", path=str(data)))


def test_a_wrapper_is_done_when_what_it_requires_is(bench: Bench, tmp_path: Path) -> None:
    evidence = tmp_path / "evidence"

    done(bench.run(f"{LUIGI}/AllTask", name="w", evidence=str(evidence)))

    assert sorted(lines_of(evidence)) == ["begin w-1", "begin w-2", "end w-1", "end w-2"]


def test_tasks_run_in_the_order_of_their_priorities(bench: Bench, tmp_path: Path) -> None:
    evidence = tmp_path / "evidence"

    done(bench.run(f"{LUIGI}/RanksTask", evidence=str(evidence)))

    ends = [line for line in lines_of(evidence) if line.startswith("end")]
    assert ends == ["end r5", "end r4", "end r3", "end r2", "end r1"]


def test_two_runs_that_need_the_only_unit_of_a_resource_never_overlap(
    bench: Bench, tmp_path: Path
) -> None:
    evidence = tmp_path / "evidence"

    def begin(name: str) -> Ran:
        return bench.begin(f"{LUIGI}/ScarceTask", name=name, seconds=0.3, evidence=str(evidence))

    for ran in [begin("a"), begin("b"), begin("c")]:
        done(bench.finish(ran))

    lines = lines_of(evidence)
    assert len(lines) == 6
    for begun, ended in zip(lines[::2], lines[1::2], strict=True):
        assert begun.replace("begin", "end") == ended


def test_workers_of_one_run_do_its_tasks_at_the_same_time_each_with_its_log(
    bench: Bench, tmp_path: Path
) -> None:
    place = tmp_path / "place"
    place.mkdir()

    ran = done(bench.run(f"{LUIGI}/WideTask", name="w", place=str(place)))

    keys = {report.key for report in ran.reports if report.key and "MeetTask" in report.key}
    assert len(keys) == 3
    for key in keys:
        name = bench.file(str(key)).read_text()
        said = [line for line in bench.log(str(key)).splitlines() if line.endswith("is here")]
        assert said == [f"{name} is here"]


def test_a_plain_luigi_task_decides_by_its_own_output(bench: Bench, tmp_path: Path) -> None:
    path = tmp_path / "plain"

    ran = done(bench.run(f"{LUIGI}/PlainTask", path=str(path)))

    assert path.read_text() == "plain\n"
    assert "plain" in bench.log(ran.key)
    assert json.loads(bench.file(ran.key, "params.txt").read_text()) == {"path": str(path)}
    assert bench.resolve(f"{LUIGI}/PlainTask", path=str(path)).complete is True


def test_same_tasks_of_two_chains_both_run(bench: Bench) -> None:
    rans = [bench.begin(f"luigi/twin_{twin}_chain/SameTask", name="n") for twin in ("a", "b")]

    texts = [bench.file(done(bench.finish(ran)).key).read_text() for ran in rans]

    assert texts == ["twin a\n", "twin b\n"]


def test_a_task_of_another_chain_keeps_its_own_key(bench: Bench) -> None:
    ran = done(bench.run("luigi/borrow_chain/BorrowTask", name="lent"))

    assert bench.file(ran.key).read_text() == "borrowed from twin a\n"
    own = bench.resolve("luigi/twin_a_chain/SameTask", name="lent").key
    assert ran.reported("SameTask")["key"] == own
    assert bench.file(own).exists()


def test_a_task_with_a_private_parameter_has_its_key_in_the_graph(
    bench: Bench, tmp_path: Path
) -> None:
    ran = done(bench.run(f"{LUIGI}/NeedsSecretTask", name="x", evidence=str(tmp_path / "e")))

    key = ran.reported("SecretLeafTask")["key"]

    assert bench.file(key).read_text() == "x\n"
    assert "s3cret" not in bench.file(key, "params.txt").read_text()


# --- several runs --------------------------------------------------------------------------


def test_a_dependency_that_another_run_makes_is_waited_for_and_not_made_twice(
    bench: Bench, tmp_path: Path
) -> None:
    evidence = tmp_path / "evidence"

    def begin(name: str) -> Ran:
        place = f"{LUIGI}/NeedsLeafTask"
        return bench.begin(place, name=name, leaf="shared", seconds=1, evidence=str(evidence))

    first = begin("one")
    wait_for_line(evidence, "begin shared")
    others = [begin("two"), begin("three")]
    for ran in [first, *others]:
        done(bench.finish(ran))

    lines = lines_of(evidence)
    assert sorted(lines) == ["begin shared", "end shared", "need one", "need three", "need two"]


def test_a_run_whose_root_another_run_makes_ends_with_it_and_makes_nothing(
    bench: Bench, tmp_path: Path
) -> None:
    evidence = tmp_path / "evidence"
    first = bench.begin(f"{LUIGI}/LeafTask", name="root", seconds=1, evidence=str(evidence))
    wait_for_line(evidence, "begin root")

    second = bench.begin(f"{LUIGI}/LeafTask", name="root", seconds=1, evidence=str(evidence))
    done(bench.finish(second))

    assert bench.file(second.key).exists()
    done(bench.finish(first))
    assert lines_of(evidence) == ["begin root", "end root"]


def test_a_dependency_that_fails_in_another_run_is_tried_by_this_one(
    bench: Bench, tmp_path: Path
) -> None:
    evidence, cure = tmp_path / "evidence", tmp_path / "cure"
    options = {"name": "shared-bad", "cure": str(cure), "evidence": str(evidence)}
    assert bench.run("bad/fail_chain/NeedsBadTask", **options).outcome != Outcome(DONE)
    cure.touch()

    done(bench.run("bad/fail_chain/NeedsBadTask", **options))

    assert lines_of(evidence) == [
        "good shared-bad",
        "try shared-bad",
        "try shared-bad",
        "root shared-bad",
    ]


def test_a_result_that_was_deleted_is_made_again_at_once(bench: Bench, tmp_path: Path) -> None:
    evidence = tmp_path / "evidence"
    for _ in range(3):
        began = time.monotonic()
        ran = done(bench.run(f"{LUIGI}/LeafTask", name="again", evidence=str(evidence)))
        assert time.monotonic() - began < _COOLDOWN
        bench.file(ran.key).unlink()
        # Its chain is gone through once, not a second time to insist.
        assert [report.status for report in ran.reports if report.status] == [
            PENDING,
            RUNNING,
            DONE,
        ]

    assert lines_of(evidence) == ["begin again", "end again"] * 3


# --- the run's time ------------------------------------------------------------------------


def md5(text: str) -> str:
    return hashlib.md5(text.encode()).hexdigest()


def test_every_task_of_a_run_sees_the_date_on_which_it_was_accepted(bench: Bench) -> None:
    late = "2016-06-03T23:59:59"

    ran = done(bench.run("luigi/keys_chain/MidnightTask", run_time=late))

    assert ran.key.endswith(md5("2016-06-03"))
    leaf = ran.reported("MidnightLeafTask")["key"]
    assert leaf.endswith(md5("2016-06-03"))
    assert bench.file(leaf).read_text() == leaf
    assert bench.file(ran.key).read_text() == ran.key


def test_a_chain_that_changed_its_key_since_the_run_was_accepted_is_not_run(
    bench: Bench,
) -> None:
    source = (
        "import luigi\nfrom datanectar import NectarTask\n"
        "class EditTask(NectarTask):\n"
        "    name = luigi.Parameter(default='x')\n"
        "    def run(self):\n"
        "        self.output().open('w').close()\n"
    )
    bench.stack.chain("made/edit_chain", source)
    ran = bench.begin("made/edit_chain/EditTask")
    bench.finish(ran)
    resolution = bench.resolve("made/edit_chain/EditTask")
    bench.stack.chain("made/edit_chain", source + "    version = '2'\n")

    again = bench.begin_resolved("made/edit_chain/EditTask", resolution)

    outcome = bench.finish(again).outcome
    assert outcome is not None and outcome.status == FAILED
    assert "has changed since this run was accepted" in str(outcome.error)


# --- failing -------------------------------------------------------------------------------


def failed(ran: Ran) -> Outcome:
    """Return the outcome of a run, which has to have failed."""
    assert ran.outcome is not None and ran.outcome.status == FAILED, ran.outcome
    return ran.outcome


def test_a_task_that_fails_is_tried_again_within_its_run_as_often_as_it_asks(
    make_bench: Callable[..., Bench], tmp_path: Path
) -> None:
    bench = make_bench(DATANECTAR_RETRY_DELAY="0.2").start()
    evidence = tmp_path / "evidence"

    ran = done(bench.run("bad/fail_chain/FlakyTask", name="x", evidence=str(evidence)))

    assert lines_of(evidence) == ["try x"] * 3
    assert bench.file(ran.key).read_text() == "tried 3 times\n"
    log = bench.log(ran.key)
    assert [f"try {n}" in log for n in (1, 2, 3)] == [True] * 3

    outcome = failed(
        bench.run("bad/fail_chain/FlakyTask", name="y", evidence=str(tmp_path / "e2"), good_at=9)
    )
    assert outcome.error == "ValueError: try 3 failed"


def test_the_worst_luigid_changes_nothing(make_bench: Callable[..., Bench], tmp_path: Path) -> None:
    """Luigi's own settings: 10 s for which it ignores that a DONE task is to run again, endless retries 15 minutes apart."""
    bench = make_bench()
    bench.stack.start_plain_luigid("/dev/null")
    bench.start()
    evidence, cure = tmp_path / "evidence", tmp_path / "cure"
    options = {"name": "x", "cure": str(cure), "evidence": str(evidence)}

    assert failed(bench.run("bad/fail_chain/NeedsBadTask", **options)).error
    cure.touch()
    ran = done(bench.run("bad/fail_chain/NeedsBadTask", **options))
    bench.file(ran.key).unlink()
    began = time.monotonic()
    done(bench.run("bad/fail_chain/NeedsBadTask", **options))

    assert time.monotonic() - began < _COOLDOWN
    assert lines_of(evidence) == ["good x", "try x", "try x", "root x", "root x"]


# --- luigid's absence ----------------------------------------------------------------------


def test_a_run_ends_though_luigid_was_killed_and_came_back_empty(
    make_bench: Callable[..., Bench], tmp_path: Path
) -> None:
    bench = make_bench().start()
    evidence = tmp_path / "evidence"
    ran = bench.begin(
        f"{LUIGI}/NeedsLeafTask", name="x", leaf="slow", seconds=1, evidence=str(evidence)
    )
    wait_for_line(evidence, "begin slow")

    bench.stack.kill("luigid")
    wait_for_line(evidence, "end slow")
    bench.stack.start_luigid()

    done(bench.finish(ran))
    assert lines_of(evidence) == ["begin slow", "end slow", "need x"]


def test_a_run_that_begins_while_luigid_is_away_waits_for_it(
    make_bench: Callable[..., Bench], tmp_path: Path
) -> None:
    bench = make_bench().start()
    bench.stack.kill("luigid")

    ran = bench.begin("basic/plain_chain/GreetTask", name="patient")
    assert not any(isinstance(record, Outcome) for record in ran.child.reports(1.0))
    bench.stack.start_luigid()

    done(bench.finish(ran))


# --- what is reported ----------------------------------------------------------------------


def test_progress_message_and_tracking_url_are_reported(bench: Bench, tmp_path: Path) -> None:
    go = tmp_path / "go"
    ran = bench.begin("luigi/talk_chain/ProgressTask", name="x", go=str(go))
    threading.Timer(0.3, go.touch).start()

    reported = done(bench.finish(ran)).reported("ProgressTask")

    assert reported["progress"] == 40
    assert reported["message"].startswith("forty 😀")
    assert reported["tracking_url"] == "http://127.0.0.1/where"
    assert reported["started"] <= reported["finished"]


@pytest.mark.parametrize("task", ["AllBabbleTask", "FanTask"])
def test_reports_are_short_enough_to_arrive_in_one_piece(bench: Bench, task: str) -> None:
    """Several processes of a run write into one pipe, which breaks up what is longer."""
    ran = bench.run(f"luigi/talk_chain/{task}", name="b")

    assert max(len(encode(report)) for report in ran.reports) <= select.PIPE_BUF
    if task == "FanTask":
        told = [report.requires or [] for report in ran.reports if "FanTask" in report.task_id]
        assert len({needed for some in told for needed in some}) == 60
        assert ran.reported("FanTask")["error"].strip().endswith("😀 at last")
    else:
        messages = [report.message for report in ran.reports if report.message]
        assert len(messages) == 4 * 40
        assert {message.strip("0123456789 😀") for message in messages} == {""}


def test_the_reports_tell_the_graph(bench: Bench, tmp_path: Path) -> None:
    ran = done(
        bench.run(f"{LUIGI}/NeedsLeafTask", name="g", leaf="gl", evidence=str(tmp_path / "e"))
    )

    root = ran.reported("NeedsLeafTask")
    (needed,) = root["requires"]
    leaf = ran.reported(needed)
    assert needed.startswith("LeafTask_")
    assert (root["key"], root["status"], leaf["status"]) == (ran.key, DONE, DONE)
    assert next(r.status for r in ran.reports if r.task_id == root["task_id"]) == PENDING
    assert DISABLED not in {report.status for report in ran.reports}
    wait_for(
        lambda: not list(ran.attempt_dir.parent.glob(f"{ran.attempt_dir.name}*")),
        "the spool is gone",
    )


# --- what luigid hears ---------------------------------------------------------------------


def test_luigid_heeds_what_it_is_to_allow_and_logs_no_line_a_call(
    make_bench: Callable[..., Bench], tmp_path: Path
) -> None:
    stack = make_bench().stack
    configuration = tmp_path / "luigid.cfg"
    allowed = "[cors]\nenabled = true\nallow_any_origin = true\n"
    configuration.write_text(launch.CONFIGURATION.read_text() + allowed)
    stack.settings.state.mkdir(parents=True, exist_ok=True)
    environ = {"LUIGI_CONFIG_PATH": str(configuration)}
    stack.spawn("luigid", launch.command(stack.settings), environ)
    wait_for(lambda: responds(stack.luigid_url), "luigid answers")

    origin = {"Origin": "http://elsewhere.example"}
    answer = requests.get(f"{stack.luigid_url}/api/task_list", headers=origin, timeout=30)

    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    assert "/api/task_list" not in stack.output("luigid")


def test_one_that_assists_a_run_leaves_the_roots_log_alone(bench: Bench, tmp_path: Path) -> None:
    place = f"{LUIGI}/LeafTask"
    resolution = bench.resolve(place, name="assisted", evidence=str(tmp_path / "e"))
    changed = replace(resolution, key=resolution.key[:-4] + "0000")

    assert failed(bench.finish(bench.begin_resolved(place, changed, assistant=1)))
    assert not bench.file(changed.key, "log").exists()
    assert failed(bench.finish(bench.begin_resolved(place, changed)))
    assert bench.file(changed.key, "log").exists()


def test_a_dead_workers_batch_that_never_began_ends_with_it(bench: Bench) -> None:
    luigid = bench.stack.luigid
    luigid.call("add_task_batcher", worker="dead", task_family="T", batched_args=["n"])
    for n in "12":
        task = {"task_id": f"T_{n}", "family": "T", "params": {"n": n}, "batchable": True}
        luigid.call("add_task", worker="dead", **task)
    assert luigid.call("get_work", worker="dead")["batch_task_ids"]

    luigid.end_worker("dead", "its process was killed")

    assert luigid.call("task_list", status="BATCH_RUNNING", upstream_status="") == {}
    assert "its process was killed" in luigid.call("fetch_error", task_id="T_1")["error"]
