"""What a chain says to its parent costs its run at most that word, and nobody else's anything."""

from __future__ import annotations

import json
import os
import threading
import time
from pathlib import Path

import pytest

from datanectar.attempt_files import attempt_folder, run_log
from datanectar.messages import Outcome
from datanectar.runs.ids import new_id
from datanectar.runs.store import RunStore
from datanectar.statuses import FAILED
from tests.runs.conftest import new_run
from tests.servers.processes import wait_for
from tests.servers.stack import Stack

WORDS = "bad/words_chain"


@pytest.fixture(scope="module")
def environ() -> dict[str, str]:
    return {"DATANECTAR_HEARTBEAT_TIMEOUT": "2"}


@pytest.mark.parametrize(
    "progress", ["10**20", "2**31", "-5", "10**400", "float('nan')", "'many'", "True", "33.4"]
)
def test_a_progress_that_is_none_costs_no_attempt(
    stack: Stack, tmp_path: Path, progress: str
) -> None:
    """Fault 3.1: one bad number had a run executed three times at once."""
    evidence = tmp_path / "pids"

    status = stack.run(f"{WORDS}/ProgressTask", progress=progress, evidence=str(evidence))

    assert (status["job_status"], status["attempts"]) == ("DONE", 1), status
    assert len(evidence.read_text().splitlines()) == 1
    assert status["progress"] in (None, 0, 1, 33, 100)


def test_forged_reports_count_for_nothing(stack: Stack) -> None:
    """Fault 3.14: of numbers, keys and statuses that nothing can hold, none reaches the store."""
    bad: list[dict[str, object]] = [
        {"started": 1e300},
        {"finished": -1},
        {"log_number": 2**31},
        {"progress": 2**63},
        {"status": "SPLENDID"},
        {"key": "../../x"},
        {"task_id": "y" * 5000},
        {"started": True},
    ]
    reports = json.dumps([{"task_id": f"bad{n}", **report} for n, report in enumerate(bad)])

    status = stack.run(f"{WORDS}/ForgeTask", name="bounds", reports=reports)

    assert (status["job_status"], status["attempts"]) == ("DONE", 1)
    nodes = stack.get(f"/api/chaingraph?chain={status['key']}").json()["data"]["nodes"]
    assert [node["family"].rpartition(".")[2] for node in nodes] == ["ForgeTask"]


def test_a_report_about_another_key_takes_no_result_away(stack: Stack) -> None:
    """Fault 3.18: chainstatus of another chain's key said FAILED "spoofed by another chain"."""
    victim = stack.run(f"{WORDS}/VictimTask", name="v")
    assert victim["job_status"] == "DONE"
    forged = {"task_id": "Spoof", "key": victim["key"], "status": "FAILED", "error": "spoofed"}

    forger = stack.run(f"{WORDS}/ForgeTask", name="spoof", reports=json.dumps([forged]), fail=True)

    assert forger["job_status"] == "FAILED"
    assert stack.status(str(victim["key"]))["job_status"] == "DONE"


def test_a_run_that_reports_without_end_stays_bounded(stack: Stack) -> None:
    """Fault 3.18: 100,000 forged reports made 122 MB of one run's JSON."""
    forged = json.dumps([{"task_id": f"TaskNUMBER_{n}", "status": "PENDING"} for n in range(40)])

    status = stack.run(f"{WORDS}/ForgeTask", name="many", reports=forged, times=300)

    assert (status["job_status"], status["attempts"]) == ("DONE", 1)
    graph = stack.get(f"/api/runs/{status['run_id']}").json()["data"]["graph"]
    assert len(graph["nodes"]) == 10_000
    assert graph["note"] == "The run has more tasks; these are 10000 of them."
    assert graph["nodes"][0]["key"] == status["key"], "what was asked for is among them"


def test_children_are_the_first_to_go_when_memory_runs_out(stack: Stack, tmp_path: Path) -> None:
    """Fault 3.18: the system might have killed the web or the fork server for a chain's memory."""
    evidence = tmp_path / "pids"
    answer = stack.client.post(f"{WORDS}/ProgressTask", progress="1", evidence=str(evidence))
    wait_for(lambda: evidence.exists() and evidence.read_text().strip(), "it runs")

    child = Path(f"/proc/{evidence.read_text().strip()}")
    if child.exists():  # on Linux
        assert (child / "oom_score_adj").read_text().strip() == "500"
        worker = stack.processes["worker"].pid
        assert Path(f"/proc/{worker}/oom_score_adj").read_text().strip() != "500"
    stack.ended(str(answer["key"]))


def test_files_of_attempts_that_are_over_are_removed_and_no_others(stack: Stack) -> None:
    """Fault 3.4: after a reboot nobody recognised them, and they stayed for good."""
    state = stack.settings.state
    store = RunStore(stack.settings.database_url)
    ended = stack.run(f"{WORDS}/VictimTask", name="over")
    held = store.accept(new_run("held"), max_queued=10_000)[0].id
    assert store.claim(held, "another-host", 600) is not None
    over = [
        attempt_folder(state, str(ended["run_id"]), 1),
        attempt_folder(state, str(ended["run_id"]), 1, 2),
        attempt_folder(state, new_id(), 3),  # of a run whose history was forgotten
        attempt_folder(state, held, 0),
    ]
    kept = [attempt_folder(state, held, 1), attempt_folder(state, held, 1, 1)]
    for attempt_dir in [*over, *kept]:
        run_log(attempt_dir).write_text("what it said")
        attempt_dir.with_name(f"{attempt_dir.name}.abc.begun").touch()
    junk = state / "spool" / "notes.txt"
    junk.touch()

    stack.stop("worker")
    stack.start_worker()

    wait_for(
        lambda: not any(run_log(attempt_dir).exists() for attempt_dir in over), "they are removed"
    )
    assert all(run_log(attempt_dir).exists() for attempt_dir in kept)
    assert junk.exists()
    left = {path.name for path in (state / "spool").iterdir()} - {junk.name}
    assert all(name.startswith(f"{held}-1") for name in left), left
    store.finish(held, 1, "another-host", Outcome(FAILED, "as planned"))


def test_files_stay_while_another_worker_may_be_at_them(stack: Stack) -> None:
    """Fault 3.4's neighbour: a network drive that several hosts share."""
    store = RunStore(stack.settings.database_url)
    ended = stack.run(f"{WORDS}/VictimTask", name="shared")
    fresh = attempt_folder(stack.settings.state, str(ended["run_id"]), 1)
    old = attempt_folder(stack.settings.state, str(ended["run_id"]), 2)
    for attempt_dir in (fresh, old):
        run_log(attempt_dir).write_text("what it said")
    long_ago = time.time() - 3600
    os.utime(run_log(old), (long_ago, long_ago))
    stack.stop("worker")
    stop = threading.Event()

    def beat() -> None:
        while not stop.is_set():
            store.beat_worker("elsewhere", "another-host", 1, 1.0, 1)
            stop.wait(0.3)

    store.beat_worker("elsewhere", "another-host", 1, 1.0, 1)
    beating = threading.Thread(target=beat)
    beating.start()
    try:
        stack.start_worker()
        wait_for(lambda: not run_log(old).exists(), "what is an hour old is removed")
        assert run_log(fresh).exists()
    finally:
        stop.set()
        beating.join()
        store.forget_worker("elsewhere")


def test_one_bad_leftover_keeps_no_other_run_from_being_taken_back(stack: Stack) -> None:
    """Fault 3.1: an empty ``.uploaded`` file ended each search for lost runs before they were."""
    store = RunStore(stack.settings.database_url)
    runs = []
    for number in range(3):
        run_id = store.accept(new_run(f"lost{number}"), max_queued=10_000)[0].id
        run = store.claim(run_id, "a-dead-worker", 0.01)
        assert run is not None
        runs.append(run_id)
        attempt_dir = attempt_folder(stack.settings.state, run_id, 1)
        folder = attempt_dir / "greetings" / "hello_chain" / "HelloTask"
        folder.mkdir(parents=True)
        (folder / f"{'0' * 32}.log").write_text("words")
        (folder / f"{'0' * 32}.uploaded").write_text("")

    wait_for(lambda: all(_is_ended(store, run_id) for run_id in runs), "all are taken back")


def _is_ended(store: RunStore, run_id: str) -> bool:
    run = store.get(run_id)
    return run is not None and run.owner != "a-dead-worker"
