"""Logs: all that a task says, by whatever way, in order, and nothing of anybody else's."""

from __future__ import annotations

from pathlib import Path

import pytest

from datanectar.attempt_files import ATTEMPT_VARIABLE
from datanectar.keys import Key
from datanectar.messages import Outcome
from datanectar.runner import task_log
from datanectar.statuses import DONE, FAILED
from tests.servers.bench import Bench, lines_of
from tests.servers.processes import wait_for

TALK = "luigi/talk_chain"


def said(text: str) -> list[str]:
    """Return a log's lines without Luigi's own, which begin with a date."""
    return [line for line in text.splitlines() if not line[:4].isdecimal() and line]


def test_python_subprocesses_and_c_libraries_are_heard_in_order(bench: Bench) -> None:
    ran = bench.run(f"{TALK}/TalkTask", name="x")

    words = ["print", "stderr", "subprocess", "its stderr", "puts", "printf 6", "write", "again"]
    assert said(bench.log(ran.key)) == [f"{n} {word}" for n, word in enumerate(words, 1)]


def test_what_a_c_library_holds_back_is_in_the_log_of_the_task_that_said_it(bench: Bench) -> None:
    ran = bench.run(f"{TALK}/TwoTalkTask", name="b")

    keys = [str(r.key) for r in ran.reports if r.key and "BufferedTask" in r.task_id]
    logs = sorted(said(bench.log(key)) for key in keys)
    assert logs == [["in the buffer of b1"], ["in the buffer of b2"]]
    assert said(bench.log(ran.key)) == ["root b"]


def test_unicode_and_junk_are_kept_as_they_are(bench: Bench) -> None:
    ran = bench.run(f"{TALK}/UnicodeTask", name="x")

    assert ran.outcome == Outcome(DONE)
    content = bench.file(ran.key, "log").read_bytes()
    assert "ünï∂ 漢字 😀\n".encode() in content
    assert b"half a surrogate: \\udc80\n" in content
    assert bytes(range(256)) in content
    assert bench.file(ran.key).read_bytes() == "ünï∂ 漢字 😀\r\n".encode()


def test_a_hundred_megabytes_of_log_cost_no_memory(bench: Bench) -> None:
    ran = bench.run(f"{TALK}/FloodTask", megabytes=100)

    assert bench.file(ran.key, "log").stat().st_size > 100 * 2**20
    before, after = map(int, bench.file(ran.key).read_text().split())
    assert after - before < 4096  # in KiB
    bench.file(ran.key, "log").unlink()


@pytest.mark.parametrize("what", ["descriptors", "streams", "replaced"])
def test_a_task_that_closes_its_output_silences_nobody_else(bench: Bench, what: str) -> None:
    ran = bench.run(f"{TALK}/AfterCloseTask", what=what)

    assert ran.outcome == Outcome(DONE), ran.outcome
    assert said(bench.log(ran.key)) == ["after the close", "and by descriptor"]
    closed = next(r.key for r in ran.reports if r.family == "CloseTask" and r.key)
    assert "before" in said(bench.log(closed))


def test_a_task_that_fails_has_its_traceback_in_its_log(bench: Bench) -> None:
    ran = bench.run("bad/fail_chain/RunRaisesTask", name="x")

    log = bench.log(ran.key)
    assert "about to raise" in log
    assert "Traceback (most recent call last)" in log
    assert "ValueError: no good: x" in log
    assert "fail_chain.py" in log


def test_a_root_that_never_ran_has_the_runs_log(bench: Bench) -> None:
    for task, words in {
        "NeedsBadTask": "ValueError: no good: x",
        "RequiresRaisesTask": "LookupError: what does x need?",
        "NeedsLostTask": "LookupError: what does x need?",
        "CompleteRaisesTask": "ConnectionError: is x done?",
    }.items():
        ran = bench.run(f"bad/fail_chain/{task}", name="x")

        assert ran.outcome is not None and ran.outcome.status == FAILED
        assert words.partition(":")[0] in bench.log(ran.key), task


def test_each_attempt_has_its_log_and_the_latest_is_called_log(
    bench: Bench, tmp_path: Path
) -> None:
    cure = tmp_path / "cure"
    for _ in range(2):
        failed = bench.run("bad/fail_chain/RunRaisesTask", name="attempts", cure=str(cure))
        assert failed.outcome is not None and failed.outcome.status == FAILED
    cure.touch()

    ran = bench.run("bad/fail_chain/RunRaisesTask", name="attempts", cure=str(cure))

    assert ran.outcome == Outcome(DONE)
    assert "ValueError" not in bench.log(ran.key)
    for earlier in ("log.1", "log.2"):
        assert "ValueError" in bench.file(ran.key, earlier).read_text()
    assert not bench.file(ran.key, "log.3").exists()


def test_the_log_can_be_read_while_the_task_runs(bench: Bench, tmp_path: Path) -> None:
    go = tmp_path / "go"
    ran = bench.begin(f"{TALK}/SlowTalkTask", name="live", go=str(go))
    log = bench.file(ran.key, "log")

    wait_for(lambda: "first line" in lines_of(log), "the first line is in the log")
    assert "second line" not in lines_of(log)
    go.touch()

    bench.finish(ran)
    assert said(log.read_text()) == ["first line", "second line"]


def test_a_long_named_task_has_a_log_too(bench: Bench) -> None:
    chain, task = "long" * 40 + "_chain", "Long" * 49 + "Task"
    bench.stack.chain(
        f"made/{chain}",
        f"from datanectar import NectarTask\nclass {task}(NectarTask):\n    def run(self):\n"
        "        print('at length')\n        self.output().open('w').close()\n",
    )

    ran = bench.run(f"made/{chain}/{task}")

    assert ran.outcome == Outcome(DONE), ran.outcome
    assert said(bench.log(ran.key)) == ["at length"]


def test_a_log_that_cant_be_written_does_not_fail_the_task(bench: Bench) -> None:
    key = bench.resolve("basic/plain_chain/GreetTask", name="nolog").key
    bench.file(key, "log").mkdir(parents=True)

    ran = bench.run("basic/plain_chain/GreetTask", name="nolog")

    assert ran.outcome == Outcome(DONE), ran.outcome
    assert bench.file(key).read_text() == "hello nolog\n"


def test_a_log_is_begun_once_also_where_files_have_one_name_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = Key("made", "some_chain", "SomeTask", "0" * 32)
    monkeypatch.setenv(ATTEMPT_VARIABLE, str(tmp_path / "run-1"))

    # There is no run log of which the mark could be another name: that fails as the link would.
    assert [task_log._is_first_time(key) for _ in range(3)] == [True, False, False]


def test_what_a_chain_prints_when_it_is_imported_is_in_no_answer(
    bench: Bench, capfd: pytest.CaptureFixture[str]
) -> None:
    bench.stack.chain(
        "made/loud_chain",
        "import os, sys\nfrom datanectar import NectarTask\n"
        "print('LOUD'); os.system('echo LOUD; echo LOUD >&2'); print('LOUD', file=sys.stderr)\n"
        "class LoudTask(NectarTask):\n    pass\n",
    )

    bench.resolve("made/loud_chain/LoudTask")

    output = capfd.readouterr()
    assert "LOUD" not in output.out + output.err
