"""``datanectar run`` on a running app, as a real process."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest
import requests

from tests.cli.command_line import command, in_project
from tests.servers.stack import Stack

JOBS = "http/jobs_chain"


def test_run_follows_the_log_and_ends_well(stack: Stack) -> None:
    done = command(stack, "run", "basic/plain_chain/GreetTask", "name=a=b c")

    assert done.returncode == 0, done.stderr
    assert "greeting a=b c" in done.stderr
    assert requests.get(done.stdout.strip(), timeout=10).text == "hello a=b c\n"
    state, page = done.stderr.splitlines()[-2:]
    assert state == "DONE"
    assert requests.get(page.removeprefix("  run: "), timeout=10).ok


def test_run_of_what_is_done_says_so_at_once(stack: Stack) -> None:
    command(stack, "run", "basic/plain_chain/GreetTask", "name=twice")

    done = command(stack, "run", "basic/plain_chain/GreetTask", "name=twice")

    assert (done.returncode, done.stderr.splitlines()[-2]) == (0, "DONE")
    assert requests.get(done.stdout.strip(), timeout=10).text == "hello twice\n"


def test_run_of_a_failure_ends_with_1_and_its_last_line(stack: Stack) -> None:
    done = command(stack, "run", f"{JOBS}/FlakyTask", "name=cli", "cure=/no/cure")

    assert done.returncode == 1
    lines = done.stderr.splitlines()
    at = lines.index("FAILED ValueError: cli is sick")
    assert lines[at + 1] == f"  task: {JOBS}/FlakyTask"
    assert done.stderr.count("Traceback") == 1  # in the task's log
    assert done.stdout == ""


STEPS = """
import luigi
from datanectar import NectarTask

class ReadTask(NectarTask):
    name = luigi.Parameter()
    def run(self):
        print("reading", self.name)
        with self.output().open("w") as out:
            out.write("x")

class SumTask(NectarTask):
    name = luigi.Parameter()
    def requires(self):
        return ReadTask(name=self.name)
    def run(self):
        print("summing up")
        {"amount": 1}["amout"]

class ReportTask(NectarTask):
    name = luigi.Parameter()
    output_name = "report.csv"
    def requires(self):
        return SumTask(name=self.name) if self.name.startswith("bad") else ReadTask(name=self.name)
    def run(self):
        with self.output().open("w") as out:
            out.write("the report")
"""


MANY = """
import luigi
from datanectar import NectarTask

class PartTask(NectarTask):
    number = luigi.IntParameter()
    def run(self):
        print(f"part {self.number} of many")
        if self.number == 3:
            raise ValueError("it is 3")
        self.output().open("w").close()

class AllTask(NectarTask):
    def requires(self):
        return [PartTask(number=number) for number in range(5)]
"""


def test_run_says_which_task_failed_why_and_where_to_read_on(stack: Stack) -> None:
    """Fault 2.6: of a chain whose second step fails, all that the API has is said."""
    stack.chain("fresh/steps_chain", STEPS)

    for number in range(4):  # each log line once, however the run's end and the follower meet
        done = command(stack, "run", "fresh/steps_chain/ReportTask", f"name=bad{number}")

        assert (done.returncode, done.stdout) == (1, "")
        lines = done.stderr.splitlines()
        end = lines[lines.index("FAILED KeyError: 'amout'") :]
        assert end[1] == "  task: fresh/steps_chain/SumTask"
        assert any("""{"amount": 1}["amout"]""" in line for line in end)
        assert "    summing up" in end
        (log,) = [line.removeprefix("  log: ") for line in end if line.startswith("  log: ")]
        assert "/SumTask/" in log
        assert "KeyError: 'amout'" in requests.get(log, timeout=10).text
        assert requests.get(end[-2].removeprefix("  run: "), timeout=10).ok
        read_on = end[-1].removeprefix("  read on: datanectar ").split()
        assert "KeyError: 'amout'" in command(stack, *read_on).stdout
        told = [line for line in lines if "Informed scheduler that task" in line]
        assert len(set(told)) == len(told)
        read = next(line for line in lines if line.startswith("[") and "DONE ReadTask" in line)
        log = requests.get(read.split()[-1], timeout=10).text
        assert f"reading bad{number}" in log


def test_of_many_tasks_of_a_name_the_log_of_the_one_that_failed_is_read(stack: Stack) -> None:
    stack.chain("fresh/many_chain", MANY)

    done = command(stack, "run", "fresh/many_chain/AllTask")

    (way,) = [line for line in done.stderr.splitlines() if line.startswith("  read on: ")]
    assert way.endswith("--task PartTask")
    assert "part 3 of many" in command(stack, *way.split()[3:]).stdout


def test_run_prints_the_address_of_a_result_of_another_name(stack: Stack) -> None:
    """Fault 2.6: ``URL=$(datanectar run ...)`` is the result's address, however it is called."""
    stack.chain("fresh/steps_chain", STEPS)

    done = command(stack, "run", "fresh/steps_chain/ReportTask", "name=good")

    assert done.returncode == 0, done.stderr
    (url,) = done.stdout.splitlines()
    assert url.endswith("/report.csv")
    assert requests.get(url, timeout=10).text == "the report"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["basic/plain_chain/GreetTask", "nonsense=1"], "nonsense: unknown"),
        (["basic/plain_chain/NoTask"], "no task 'NoTask'"),
        (["basic/plain_chain/GreetTask", "name"], "'name': parameters read name=value"),
        (["basic/plain_chain/GreetTask", "name=a", "name=b"], "name is given more than once"),
        (["basic/plain/GreetTask"], "Did you mean basic/plain_chain?"),
        (["http/TwinTask"], "2 chains of http have a task TwinTask"),
        ([], "Missing argument"),
        (["GreetTask", "name=a"], "'GreetTask': a task is named TYPE/CHAIN/TASK or TYPE/TASK"),
        (["basic//GreetTask"], "a task is named TYPE/CHAIN/TASK"),
        (["basic/plain_chain/GreetTask", "--url", "http://127.0.0.1:1"], "No datanectar app"),
        (["basic/plain_chain/GreetTask", "--url", "nonsense"], "nonsense"),
    ],
)
def test_run_of_what_cannot_be_run_ends_with_2_and_a_line(
    stack: Stack, arguments: list[str], words: str
) -> None:
    done = command(stack, "run", *arguments)

    assert done.returncode == 2
    assert words in done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout == ""


def test_ctrl_c_of_run_says_that_the_run_goes_on_and_how_to_stop_it(
    stack: Stack, tmp_path: Path
) -> None:
    arguments = ["run", f"{JOBS}/GatedTask", "name=left", f"gate={tmp_path / 'gate'}"]
    process = subprocess.Popen(
        [sys.executable, "-m", "datanectar", *arguments],
        env={**stack.environment, "DATANECTAR_URL": stack.url},
        cwd=stack.project,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr is not None
    process.stderr.readline()  # its log: it runs
    process.send_signal(signal.SIGINT)
    _, words = process.communicate(timeout=20)

    assert process.returncode == 130
    told = words.strip().splitlines()[-1]
    assert told.startswith("The run goes on. To stop it: datanectar cancel ")
    run = told.rpartition(" ")[2]
    assert stack.get(f"/api/runs/{run}").json()["data"]["job_status"] == "RUNNING"
    assert command(stack, "cancel", run).returncode == 0


@pytest.mark.parametrize(
    "words", [["run", "basic/plain_chain/GreetTask", "name=x"], ["runs"], ["chains"], ["status"]]
)
def test_the_app_of_another_project_is_not_asked(
    stack: Stack, tmp_path: Path, words: list[str]
) -> None:
    """Two projects on one machine have the same port by default, and often the same names."""
    (tmp_path / "code" / "chains").mkdir(parents=True)
    variables = {"DATANECTAR_PORT": str(stack.port)}

    done = in_project(tmp_path, *words, **variables)

    assert (done.returncode, done.stdout) == (2, "")
    assert f"{stack.settings.app_url} is the app of another project" in done.stderr
    assert ("--here" in done.stderr) == (words[0] == "run")
    named = in_project(tmp_path, *words, **variables, DATANECTAR_URL=stack.url)
    assert named.returncode == 0, named.stderr


def test_outside_of_projects_the_app_of_this_machine_is_asked(stack: Stack, tmp_path: Path) -> None:
    done = in_project(tmp_path, "chains", "basic", DATANECTAR_PORT=str(stack.port))

    assert done.returncode == 0, done.stderr
