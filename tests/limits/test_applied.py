"""What a class declares that its tasks need, in runs of the service: a real luigid, real children."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

from datanectar.messages import Outcome
from datanectar.statuses import DONE, FAILED
from tests.servers.bench import Bench, Ran

PLACE = "made/needy_chain"
CHAIN = '''
import luigi, os, pathlib, subprocess, sys
from datanectar import NectarTask

class HungryTask(NectarTask):
    """Takes as many megabytes as it is told to."""
    megabytes = luigi.IntParameter()
    memory = "200 MB"
    def run(self):
        held = bytearray(self.megabytes * 10**6)
        with self.output().open("w") as out:
            out.write(str(len(held)))

class HungryChildTask(HungryTask):
    """Has another program take them."""
    def run(self):
        taken = f"bytearray({self.megabytes} * 10**6)"
        done = subprocess.run([sys.executable, "-c", taken], capture_output=True, text=True)
        with self.output().open("w") as out:
            out.write(done.stderr)

class ModestTask(NectarTask):
    """Runs after a hungry one, without a limit."""
    def requires(self):
        return HungryTask(megabytes=10)
    def run(self):
        held = bytearray(500 * 10**6)
        with self.output().open("w") as out:
            out.write(str(len(held)))

class AbortingTask(NectarTask):
    """Dies as C code does that can't go on."""
    memory = "200 MB"
    def run(self):
        os.abort()

class CloseTask(NectarTask):
    """Cleans up, whatever ends it."""
    evidence = luigi.Parameter()
    def run(self):
        self.lines = open(self.evidence, "a", buffering=1)
        try:
            self.act()
        finally:
            self.note("finally")
    def on_failure(self, problem):
        open("/dev/null").close()
        self.note(f"on_failure {type(problem).__name__}")
    def note(self, line):
        print(line, file=self.lines)

class BurningTask(CloseTask):
    """Uses the CPU without end."""
    cpu_time = 1
    def act(self):
        while True:
            try:
                sum(range(1000))
            except Exception:
                pass

class BurningProgramTask(CloseTask):
    """Has programs use it, each less than the limit when it ends."""
    cpu_time = 1.5
    def act(self):
        burn = "import time\\nwhile time.process_time() < 0.7: pass"
        while True:
            subprocess.run([sys.executable, "-c", burn])

class OpeningTask(CloseTask):
    """Opens files without end."""
    open_files = 100
    def act(self):
        held = []
        while True:
            held.append(open("/dev/null"))

class PoliteTask(NectarTask):
    nice = 7
    oom_score_adj = 700
    def run(self):
        score = pathlib.Path("/proc/self/oom_score_adj").read_text().strip()
        self.save(f"{os.nice(0)} {score}")

class SlowTask(NectarTask):
    timeout = 1
    def run(self):
        while True:
            pass

class FlakyTask(NectarTask):
    folder = luigi.Parameter()
    retries = 2
    def run(self):
        tries = pathlib.Path(self.folder, "tries")
        with tries.open("a") as lines:
            print("try", file=lines)
        if len(tries.read_text().split()) < 3:
            raise ValueError("not yet")
        self.save("at last")
'''


@pytest.fixture
def needy(bench: Bench) -> Bench:
    bench.stack.chain(PLACE, CHAIN)
    return bench


def error_of(ran: Ran) -> str:
    assert ran.outcome is not None and ran.outcome.status == FAILED, ran.outcome
    return str(ran.outcome.error)


def test_a_task_that_wants_more_than_its_memory_fails_with_the_limit_and_what_to_do(
    needy: Bench,
) -> None:
    ran = needy.run(f"{PLACE}/HungryTask", megabytes=300)

    error = error_of(ran)
    assert error.startswith("MemoryError: HungryTask wanted more than its memory = '200 MB': raise")
    assert re.search(r"Its process held [\d.]+ MB at most", error)
    assert "held = bytearray" in needy.log(ran.key)
    assert not needy.file(ran.key).exists()


def test_a_task_within_its_memory_is_done(needy: Bench) -> None:
    """Fault: what the process had before, the modules of the fork server, counted as well."""
    ran = needy.run(f"{PLACE}/HungryTask", megabytes=180)

    assert ran.outcome == Outcome(DONE), needy.log(ran.key)


def test_the_limit_is_for_the_programs_that_a_task_starts_too(needy: Bench) -> None:
    ran = needy.run(f"{PLACE}/HungryChildTask", megabytes=400)

    assert "MemoryError" in needy.file(ran.key).read_text()


def test_the_next_task_of_the_run_has_no_limit(needy: Bench) -> None:
    ran = needy.run(f"{PLACE}/ModestTask")

    assert ran.outcome == Outcome(DONE), needy.log(ran.key)


def test_a_task_that_dies_with_a_memory_limit_is_told_of_it(needy: Bench) -> None:
    error = error_of(needy.run(f"{PLACE}/AbortingTask"))

    assert "killed by SIGABRT" in error
    assert "It may have wanted more than its memory = '200 MB'" in error


def test_a_task_ends_at_its_timeout(needy: Bench) -> None:
    error = error_of(needy.run(f"{PLACE}/SlowTask"))

    assert "timed out after 1 seconds" in error
    assert "raise `timeout` on its class" in error


def test_a_task_that_fails_is_tried_again(needy: Bench, tmp_path: object) -> None:
    ran = needy.run(f"{PLACE}/FlakyTask", folder=str(tmp_path))

    assert ran.outcome == Outcome(DONE)
    assert needy.file(ran.key).read_text() == "at last"


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("Burning", "OutOfCpuTime: BurningTask used up its cpu_time = 1: raise"),
        ("BurningProgram", "OutOfCpuTime: BurningProgramTask used up its cpu_time = 1.5: raise"),
        (
            "Opening",
            "TooManyOpenFiles: [Errno 24] OpeningTask had no file left of its open_files = ",
        ),
    ],
)
def test_a_task_at_its_limit_cleans_up_and_is_told_which_it_was(
    needy: Bench, tmp_path: Path, name: str, words: str
) -> None:
    ran = needy.run(f"{PLACE}/{name}Task", evidence=str(tmp_path / "seen"))

    error = error_of(ran)
    assert error.startswith(words)
    assert (tmp_path / "seen").read_text() == f"finally\non_failure {words.partition(':')[0]}\n"
    assert "in act" in needy.log(ran.key)


def test_niceness_and_the_kernels_choice_are_the_tasks_own(needy: Bench) -> None:
    ran = needy.run(f"{PLACE}/PoliteTask")

    assert needy.file(ran.key).read_text() == "7 700"
    assert os.nice(0) < 7
