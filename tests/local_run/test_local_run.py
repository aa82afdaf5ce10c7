"""``datanectar run --here``: the same keys, files, logs and reasons as the service, without one."""

from __future__ import annotations

import contextlib
import json
import os
import pty
import re
import signal
import subprocess
import sys
from pathlib import Path

import boto3
import psutil
import pytest

from tests.servers.processes import is_running, wait_for
from tests.servers.s3 import S3Server
from tests.servers.stack import Stack

pytestmark = pytest.mark.slow

CHAIN = """
import subprocess, time
from pathlib import Path

import luigi
from datanectar import NectarTask


class ReadTask(NectarTask):
    name = luigi.Parameter()
    def run(self):
        print("reading", self.name)
        with self.output().open("w") as out:
            out.write(self.name)


class SumTask(NectarTask):
    name = luigi.Parameter()
    def requires(self):
        return ReadTask(name=self.name)
    def run(self):
        wanted = "amout"
        if self.name.startswith("bad"):
            {"amount": 1}[wanted]
        with self.output().open("w") as out:
            out.write("1")


class ReportTask(NectarTask):
    name = luigi.Parameter()
    secret = luigi.Parameter(default="hush", visibility=luigi.parameter.ParameterVisibility.PRIVATE)
    output_name = "report.csv"
    def requires(self):
        return SumTask(name=self.name)
    def run(self):
        print("reporting", self.name)
        with self.output().open("w") as out:
            out.write("the report")


class WideTask(NectarTask):
    name = luigi.Parameter()
    workers = 3
    def requires(self):
        return [ReadTask(name=f"{self.name}{n}") for n in range(4)]
    def run(self):
        with self.output().open("w") as out:
            out.write("wide")


class PlainTask(luigi.Task):
    file = luigi.Parameter()
    def output(self):
        return luigi.LocalTarget(self.file)
    def run(self):
        yield ReadTask(name="yielded")
        print("plain")
        with self.output().open("w") as out:
            out.write("plain")


class SloppyTask(NectarTask):
    def run(self):
        print("writes nothing")


class MissingTask(luigi.ExternalTask):
    def output(self):
        return luigi.LocalTarget("/no/such/file")


class NeedsMissingTask(NectarTask):
    def requires(self):
        return MissingTask()


class CantTask(NectarTask):
    def requires(self):
        raise LookupError("no idea")


class BreakTask(NectarTask):
    name = luigi.Parameter()
    def run(self):
        answer = 41
        breakpoint()
        with self.output().open("w") as out:
            out.write("went on")


class BreakApartTask(BreakTask):
    workers = 2


class SleepTask(NectarTask):
    name = luigi.Parameter()
    apart = luigi.BoolParameter(default=False)
    workers = 1
    def run(self):
        with self.output().open("w") as out:
            out.write("half")
            child = subprocess.Popen(["sleep", "1000"])
            print("sleeping", flush=True)
            child.wait()


class SleepApartTask(SleepTask):
    workers = 2
"""
STEPS = "here/steps_chain"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    chain = tmp_path / "code" / "chains" / f"{STEPS}.py"
    chain.parent.mkdir(parents=True)
    chain.write_text(CHAIN)
    return tmp_path


def command(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "datanectar", "run", *arguments, "--here"]


def environ(project: Path) -> dict[str, str]:
    return {"PATH": os.environ["PATH"], "HOME": str(project)}


def here(
    project: Path, task: str, *arguments: str, typed: str = ""
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command(f"{STEPS}/{task}", *arguments),
        env=environ(project),
        cwd=project,
        input=typed,
        capture_output=True,
        text=True,
        timeout=60,
    )


def log_of(project: Path, task: str) -> str:
    (log,) = project.glob(f"local_targets/chains/{STEPS}/{task}/*/log")
    return log.read_text()


def test_a_chain_runs_and_the_results_path_is_on_standard_output(project: Path) -> None:
    done = here(project, "ReportTask", "--name", "x", "secret=hush")

    assert done.returncode == 0, done.stderr
    result = Path(done.stdout.strip())
    assert result.read_text() == "the report"
    assert result.name == "report.csv"
    news = [line.split("  ")[0] for line in done.stderr.splitlines() if line.startswith("[")]
    assert news == [
        "[0/3] RUNNING ReadTask",
        "[1/3] DONE ReadTask",
        "[1/3] RUNNING SumTask",
        "[2/3] DONE SumTask",
        "[2/3] RUNNING ReportTask",
        "[3/3] DONE ReportTask",
    ]
    assert done.stderr.splitlines()[-1] == "DONE"
    assert "reporting x\n" in done.stderr
    assert "reporting x\n" in log_of(project, "ReportTask")
    assert json.loads(result.with_name("params.txt").read_text()) == {"name": "x"}
    assert not (project / ".datanectar").exists()

    again = here(project, "ReportTask", "name=x")

    assert (again.returncode, again.stdout, again.stderr) == (0, done.stdout, "DONE\n")


def test_the_service_makes_the_same_keys_files_and_reasons(stack: Stack) -> None:
    stack.chain(STEPS, CHAIN)
    variables = stack.environment
    runs = {}
    for name in ("good", "bad"):
        status = stack.run(f"{STEPS}/ReportTask", name=name)
        folder = stack.file(str(status["key"]), "log").parent
        files = {path.relative_to(folder.parents[1]) for path in folder.parents[1].rglob("*/*/*")}
        runs[name] = (status, files)
        for path in files:
            (folder.parents[1] / path).unlink()

        done = subprocess.run(
            [*command(f"{STEPS}/ReportTask", f"name={name}"), "--json"],
            env={**variables},
            cwd=stack.project,
            capture_output=True,
            text=True,
            timeout=60,
        )

        end = json.loads(done.stdout)
        for field in ("key", "job_status", "error", "failed_key"):
            assert end[field] == status[field], field
        assert {path for path in files if (folder.parents[1] / path).exists()} == files
        assert done.returncode == (0 if name == "good" else 1)
        for path in files:
            (folder.parents[1] / path).unlink()


def test_a_failure_shows_its_traceback_once_and_ends_with_1(project: Path) -> None:
    done = here(project, "ReportTask", "name=bad")

    assert (done.returncode, done.stdout) == (1, "")
    lines = done.stderr.splitlines()
    assert lines[-3] == "FAILED KeyError: 'amout'"
    assert lines[-2] == f"  task: {STEPS}/SumTask"
    assert "KeyError: 'amout'" in Path(lines[-1].removeprefix("  log: ")).read_text()
    assert done.stderr.count("Traceback") == 1
    assert "KeyError: 'amout'" in log_of(project, "ReportTask")  # as the service keeps it
    assert "reading bad" in log_of(project, "ReadTask")

    again = here(project, "ReportTask", "name=bad")  # goes on at the step that failed

    assert "reading bad" not in again.stderr
    (logs,) = project.glob(f"local_targets/chains/{STEPS}/SumTask/*")
    assert sorted(path.name for path in logs.iterdir()) == ["log", "log.1", "params.txt"]


@pytest.mark.parametrize(
    ("task", "error"),
    [
        ("SloppyTask", "SloppyTask ran, and its output is not there"),
        ("NeedsMissingTask", "External data is missing: /no/such/file"),
        ("CantTask", "LookupError: no idea"),
    ],
)
def test_what_no_task_raises_is_a_failure_with_its_reason(
    project: Path, task: str, error: str
) -> None:
    done = here(project, task)

    assert done.returncode == 1
    (line,) = (line for line in done.stderr.splitlines() if line.startswith("FAILED "))
    assert error in line
    assert error.partition(":")[0] in log_of(project, task)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["nonsense=1"], "nonsense: unknown; this task takes name, secret"),
        ([], "name: required"),
    ],
)
def test_parameters_that_can_not_be_read_are_named(
    project: Path, arguments: list[str], words: str
) -> None:
    done = here(project, "ReportTask", *arguments)

    assert (done.returncode, done.stdout) == (2, "")
    assert words in done.stderr
    assert "Traceback" not in done.stderr


def test_a_task_that_is_not_there_is_named(project: Path) -> None:
    done = here(project, "NoTask")

    assert done.returncode == 2
    assert f"{STEPS} has no task 'NoTask'; its tasks: ReadTask" in done.stderr


def test_the_short_form_finds_the_chain(project: Path) -> None:
    done = subprocess.run(
        command("here/ReadTask", "name=short"),
        env=environ(project), cwd=project, capture_output=True, text=True, timeout=60,
    )  # fmt: skip

    assert Path(done.stdout.strip()).read_text() == "short"


def test_tasks_run_beside_each_other_as_their_class_says(project: Path) -> None:
    done = here(project, "WideTask", "name=w")

    assert done.returncode == 0, done.stderr
    pids = set(re.findall(r"\[pid (\d+)\] Worker \S+ running +ReadTask", done.stderr))
    assert len(pids) == 4
    assert "[5/5] DONE WideTask" in done.stderr


def test_a_plain_task_and_what_it_yields_have_one_log_each(project: Path, tmp_path: Path) -> None:
    done = here(project, "PlainTask", f"file={tmp_path / 'plain.txt'}")

    assert (done.returncode, done.stdout.strip()) == (0, str(tmp_path / "plain.txt"))
    assert "plain\n" in log_of(project, "PlainTask")
    assert "reading yielded\n" in log_of(project, "ReadTask")


@pytest.mark.parametrize("task", ["BreakTask", "BreakApartTask"])
def test_breakpoint_stops_at_the_terminal(project: Path, task: str) -> None:
    done = here(project, task, "name=x", typed="p answer + 1\nc\n")

    assert done.returncode == 0, done.stderr
    assert "(Pdb) 42\n" in done.stderr
    assert Path(done.stdout.strip()).read_text() == "went on"


def test_pdb_opens_where_a_task_failed(project: Path) -> None:
    done = here(project, "ReportTask", "name=bad", "--pdb", typed="p wanted\nq\n")

    assert done.returncode == 1
    assert "(Pdb) 'amout'\n" in done.stderr
    assert "FAILED KeyError: 'amout'" in done.stderr


@pytest.mark.parametrize("task", ["SleepTask", "SleepApartTask"])
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_ctrl_c_leaves_no_half_results_and_no_process(
    project: Path, task: str, number: signal.Signals
) -> None:
    process = subprocess.Popen(
        command(f"{STEPS}/{task}", "name=x"),
        env=environ(project),
        cwd=project,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr is not None
    while "sleeping" not in process.stderr.readline():
        pass
    below = [child.pid for child in psutil.Process(process.pid).children(recursive=True)]
    assert below

    process.send_signal(number)
    words = process.communicate(timeout=30)[1]

    assert process.returncode == 130
    assert "Interrupted: what was being made is dropped" in words
    wait_for(lambda: not any(map(is_running, below)), "nothing is left", 10)
    files = {path.name for path in project.glob(f"local_targets/chains/{STEPS}/{task}/*/*")}
    assert files == {"log", "params.txt"}


def test_secrets_of_the_service_are_kept_from_an_authors_code(project: Path) -> None:
    chain = project / "code" / "chains" / "here" / "look_chain.py"
    chain.write_text(
        "import os, luigi\n"
        "class LookTask(luigi.Task):\n"
        "    def run(self):\n"
        "        print('sees', sorted(n for n in os.environ if n in ('DATANECTAR_TOKENS', 'AWS_X')))\n"
    )
    done = subprocess.run(
        command("here/look_chain/LookTask"),
        env={**environ(project), "DATANECTAR_TOKENS": "hush-hush-hush-hush:admin", "AWS_X": "1"},
        cwd=project, capture_output=True, text=True, timeout=60,
    )  # fmt: skip

    assert "sees ['AWS_X']" in done.stderr
    assert done.stderr.splitlines()[-1] == "DONE without a result of its own"


def test_results_and_logs_go_to_the_bucket_where_there_is_one(
    project: Path, moto_s3: S3Server
) -> None:
    variables = {
        "ENV": "here",
        "PROJECT_BUCKET": "tests",
        "AWS_ENDPOINT_URL_S3": moto_s3.endpoint,
        "AWS_ACCESS_KEY_ID": moto_s3.access_key,
        "AWS_SECRET_ACCESS_KEY": moto_s3.secret_key,
        "AWS_REGION": "us-east-1",
    }
    done = subprocess.run(
        command(f"{STEPS}/ReportTask", "name=remote"),
        env={**environ(project), **variables},
        cwd=project, capture_output=True, text=True, timeout=60,
    )  # fmt: skip

    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(f"s3://here.tests/chains/{STEPS}/ReportTask/")
    folder = done.stdout.strip().removeprefix("s3://here.tests/").rpartition("/")[0]
    keys = {"aws_access_key_id": moto_s3.access_key, "aws_secret_access_key": moto_s3.secret_key}
    client = boto3.client("s3", endpoint_url=moto_s3.endpoint, region_name="us-east-1", **keys)
    listed = client.list_objects_v2(Bucket="here.tests", Prefix=folder)["Contents"]
    files = {entry["Key"].rpartition("/")[2] for entry in listed}
    assert files == {"log", "params.txt", "report.csv"}
    log = client.get_object(Bucket="here.tests", Key=f"{folder}/log")["Body"].read().decode()
    assert "reporting remote\n" in log
    assert not (project / "local_targets").exists()


# --- without a running app ------------------------------------------------------------------------


def test_run_without_an_app_says_how_to_run_it_here(project: Path) -> None:
    done = subprocess.run(
        command(f"{STEPS}/ReadTask", "name=x")[:-1],
        env={**environ(project), "DATANECTAR_PORT": "1"},
        cwd=project, capture_output=True, text=True, timeout=60,
    )  # fmt: skip

    assert done.returncode == 2
    assert "To run it without an app, add --here." in done.stderr


def test_run_without_an_app_offers_to_run_it_here_at_a_terminal(project: Path) -> None:
    pid, terminal = pty.fork()
    if pid == 0:
        os.chdir(project)
        arguments = command(f"{STEPS}/ReadTask", "name=asked")[:-1]
        os.execve(sys.executable, arguments, {**environ(project), "DATANECTAR_PORT": "1"})
    seen = b""
    while b"[Y/n]" not in seen:
        seen += os.read(terminal, 1024)
    os.write(terminal, b"\n")
    with contextlib.suppress(OSError):  # EIO: it has ended
        while piece := os.read(terminal, 1024):
            seen += piece
    os.close(terminal)

    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0, seen
    assert b"reading asked" in seen
    (result,) = project.glob(f"local_targets/chains/{STEPS}/ReadTask/*/out.txt")
    assert result.read_text() == "asked"
