"""A Nectar task's log and parameters are there whoever runs it; what it says is seen all the same."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType

import luigi
import pytest

from datanectar import NectarTask, settings
from datanectar.keys import RUN_TIME_VARIABLE
from datanectar.storage.local import LocalStorage
from datanectar.storage.s3 import S3Storage
from datanectar.util import tasklog
from tests.servers.s3 import S3Server
from tests.util.chains import imported

CHAIN = """
import ctypes, logging, os, subprocess, sys
import luigi
from datanectar import NectarTask


class TalkTask(NectarTask):
    name = luigi.Parameter(default="x")
    bad = luigi.BoolParameter(significant=False)

    def run(self):
        print("1 print")
        print("2 stderr", file=sys.stderr)
        subprocess.run(["sh", "-c", "echo 3 subprocess"])
        ctypes.CDLL(None).puts(b"4 puts")
        ctypes.CDLL(None).fflush(None)
        os.write(1, b"5 write\\n")
        sys.stdout.buffer.write(b"6 bytes\\n")
        print("7 again")
        if self.bad:
            raise ValueError("no good")
        with self.output().open("w") as out:
            out.write(self.name)


class MoreTask(TalkTask):
    def run(self):
        print("0 more")
        super().run()


class Mixin:
    def run(self):
        print("mixed in")
        with self.output().open("w") as out:
            out.write("mixed")


class MixedTask(Mixin, NectarTask):
    name = luigi.Parameter(default="x")


class LeafTask(NectarTask):
    n = luigi.IntParameter()

    def run(self):
        print("leaf", self.n)
        with self.output().open("w") as out:
            out.write("x")


class RoundsTask(NectarTask):
    name = luigi.Parameter(default="x")

    def run(self):
        print("entered")
        yield LeafTask(n=1)
        print("second")
        yield LeafTask(n=2)
        print("end")
        with self.output().open("w") as out:
            out.write("x")


class PlainRoundsTask(RoundsTask):
    def run(self):
        return RoundsTask.run(self)


class OuterTask(NectarTask):
    name = luigi.Parameter(default="x")

    def run(self):
        print("before")
        luigi.build([LeafTask(n=7)], local_scheduler=True)
        print("after")
        with self.output().open("w") as out:
            out.write("x")


class PlainTask(luigi.Task):
    path = luigi.Parameter()

    def output(self):
        return luigi.LocalTarget(self.path)

    def run(self):
        print("plain")
        self.output().open("w").close()
"""
SAID = ["1 print", "2 stderr", "3 subprocess", "4 puts", "5 write", "6 bytes", "7 again"]
PLACE = "chains/etl/said_chain"


@pytest.fixture
def chain(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    with imported(CHAIN, "said_chain", tmp_path, monkeypatch) as module:
        yield module


@pytest.fixture
def command(chain: ModuleType, tmp_path: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Runs Luigi's own command, in a process of its own."""

    def run(*words: str) -> subprocess.CompletedProcess[str]:
        environ = {"PYTHONPATH": ".", "PATH": os.environ["PATH"]}
        environ |= {"DATANECTAR_PROJECT": str(tmp_path), RUN_TIME_VARIABLE: "2016-06-03T12:00:00"}
        return subprocess.run(
            [
                str(Path(sys.executable).with_name("luigi")),
                "--module",
                "chains.etl.said_chain",
                *words,
                "--local-scheduler",
            ],
            cwd=tmp_path / "code",
            env=environ,
            capture_output=True,
            text=True,
            timeout=60,
        )

    return run


def logged(task: luigi.Task, file: str = "log") -> list[str]:
    storage = task.output().storage
    assert isinstance(storage, LocalStorage)
    return storage.local_path(task.key, file).read_text().splitlines()


def build(*tasks: luigi.Task, workers: int = 1) -> bool:
    return bool(luigi.build(list(tasks), local_scheduler=True, workers=workers))


def test_luigis_own_command_leaves_log_and_parameters(
    chain: ModuleType, command: Callable[..., subprocess.CompletedProcess[str]]
) -> None:
    """Fault 1.18: and the terminal sees what the task says, each stream on its own."""
    result = command("TalkTask", "--name", "cli")

    task = chain.TalkTask(name="cli")
    assert task.complete(), result.stderr
    assert logged(task) == SAID
    assert json.loads("\n".join(logged(task, "params.txt"))) == {"bad": "False", "name": "cli"}
    assert result.stdout.splitlines() == [line for line in SAID if line != "2 stderr"]
    assert "2 stderr" in result.stderr.splitlines()


def test_a_task_that_fails_leaves_its_traceback(
    chain: ModuleType, command: Callable[..., subprocess.CompletedProcess[str]]
) -> None:
    """Fault 1.18: the latest attempt's log is the log, earlier ones stay beside it."""
    command("TalkTask", "--bad")
    result = command("TalkTask", "--bad")

    task = chain.TalkTask()
    for file in ("log", "log.1"):
        assert logged(task, file)[: len(SAID)] == SAID
        assert logged(task, file)[-1] == "ValueError: no good"
    assert result.stdout.splitlines().count("1 print") == 1

    assert build(task)
    assert logged(task) == SAID


@pytest.mark.parametrize("workers", ["1", "2"])
@pytest.mark.parametrize("name", ["RoundsTask", "PlainRoundsTask"])
def test_a_task_that_yields_has_one_log_of_all_its_rounds(
    chain: ModuleType,
    command: Callable[..., subprocess.CompletedProcess[str]],
    workers: str,
    name: str,
) -> None:
    """Fault 1.18: each round may be in a process of its own."""
    result = command(name, "--workers", workers)

    task = getattr(chain, name)()
    assert task.complete(), result.stderr
    said = [line for line in logged(task) if not line.startswith("(Waits")]
    assert said == ["entered", "entered", "second", "entered", "second", "end"]
    assert not task.output().storage.exists(task.key, "log.1")
    assert logged(chain.LeafTask(n=2)) == ["leaf 2"]


def test_in_a_notebook_or_a_test_what_is_said_is_seen_there(
    chain: ModuleType, capsys: pytest.CaptureFixture[str]
) -> None:
    """Fault 1.18: there, ``sys.stdout`` is not descriptor 1."""
    before = sys.stdout, sys.stderr

    assert build(chain.TalkTask())

    assert (sys.stdout, sys.stderr) == before
    seen = capsys.readouterr()
    assert [n for n in SAID if n in seen.out.splitlines()] == ["1 print", "6 bytes", "7 again"]
    assert "2 stderr" in seen.err.splitlines()
    assert logged(chain.TalkTask()) == SAID


def test_what_is_written_to_the_descriptors_is_seen_there(
    chain: ModuleType, capfd: pytest.CaptureFixture[str]
) -> None:
    """Fault 1.18."""
    assert build(chain.TalkTask())

    seen = capfd.readouterr()
    assert [line for line in seen.out.splitlines() if line in SAID] == [
        line for line in SAID if line != "2 stderr"
    ]
    assert "2 stderr" in seen.err.splitlines()


def test_descriptors_are_as_before(chain: ModuleType) -> None:
    """Fault 1.18: nothing is left open, and both lead where they led."""
    assert build(chain.TalkTask(name="warm"))
    places = [os.fstat(number) for number in (1, 2)]
    count = len(os.listdir("/proc/self/fd"))

    for n in range(5):
        chain.LeafTask(n=n).run()

    assert [os.path.samestat(os.fstat(n + 1), place) for n, place in enumerate(places)] == [
        True
    ] * 2
    assert len(os.listdir("/proc/self/fd")) <= count


def test_a_run_that_calls_its_parents_or_comes_from_a_mixin_is_recorded_once(
    chain: ModuleType,
) -> None:
    """Fault 1.18."""
    assert build(chain.MoreTask(), chain.MixedTask())

    assert logged(chain.MoreTask()) == ["0 more", *SAID]
    assert not chain.MoreTask().output().storage.exists(chain.MoreTask().key, "log.1")
    assert logged(chain.MixedTask()) == ["mixed in"]


def test_a_build_within_a_task_has_logs_of_its_own(chain: ModuleType) -> None:
    """Fault 1.18."""
    assert build(chain.OuterTask())

    assert logged(chain.LeafTask(n=7)) == ["leaf 7"]
    said = [line for line in logged(chain.OuterTask()) if line in ("before", "leaf 7", "after")]
    assert said == ["before", "leaf 7", "after"]


def test_a_log_that_cant_be_written_does_not_fail_the_task(chain: ModuleType) -> None:
    """Fault 1.18."""
    task = chain.TalkTask(name="nolog")
    task.output().storage.local_path(task.key, "log").mkdir(parents=True)

    assert build(task)

    assert task.complete()


def test_a_plain_task_keeps_what_it_has(chain: ModuleType, tmp_path: Path) -> None:
    """Fault 1.18: by Luigi alone, nothing."""
    assert build(chain.PlainTask(path=str(tmp_path / "plain")))

    assert not (tmp_path / "local_targets" / PLACE / "PlainTask").exists()


def test_a_class_at_a_prompt_runs_without_a_log(tmp_path: Path) -> None:
    """Fault 1.18: it has no key, so nothing of it has a place."""

    class StrayTask(NectarTask):
        def output(self) -> luigi.LocalTarget:  # type: ignore[override]
            return luigi.LocalTarget(str(tmp_path / "stray"))

        def run(self) -> None:
            self.output().open("w").close()

    StrayTask().run()

    assert (tmp_path / "stray").exists()
    settings.current.cache_clear()


def test_run_is_still_what_its_author_wrote(chain: ModuleType) -> None:
    assert chain.TalkTask.run.__name__ == "run"
    assert chain.MixedTask.run is not chain.Mixin.run
    assert NectarTask.run is luigi.Task.run

    class OutsideTask(luigi.ExternalTask, NectarTask):
        pass

    assert OutsideTask.run is None


def test_a_log_bound_for_s3_is_copied_at_the_end_of_each_round(
    chain: ModuleType,
    moto_s3: S3Server,
    s3_settings: Callable[..., settings.Settings],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Fault 1.18."""
    storage = S3Storage(s3_settings(moto_s3))
    storage.prepare()
    monkeypatch.setattr(tasklog, "storage_of", lambda task: storage)

    assert build(chain.RoundsTask(), chain.TalkTask())

    def content(task: NectarTask, file: str) -> str:
        return b"".join(storage.read_chunks(task.key, file)).decode()

    said = [line for line in content(chain.RoundsTask(), "log").splitlines() if line[0] != "("]
    assert said == ["entered", "entered", "second", "entered", "second", "end"]
    assert content(chain.TalkTask(), "log").splitlines() == SAID
    assert json.loads(content(chain.TalkTask(), "params.txt")) == {"bad": "False", "name": "x"}
    names = [info.name for info in storage.list_files(chain.RoundsTask().key)]
    assert "log" in names and "log.1" not in names
