"""The command line, as real processes."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest
import requests

from datanectar.luigid.launch import CONFIGURATION
from tests.servers.processes import descendants, free_port, is_running, responds, wait_for
from tests.servers.stack import Stack

JOBS = "http/jobs_chain"


def command(stack: Stack, *arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "datanectar", *arguments],
        env={**stack.environment, "DATANECTAR_URL": stack.url, **environ},
        cwd=stack.project,
        capture_output=True,
        text=True,
        timeout=60,
    )


# --- talking to an app -----------------------------------------------------------------------


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
        (log,) = [line.removeprefix("  log: ") for line in end if line.startswith("  log: ")]
        assert "/SumTask/" in log
        assert "KeyError: 'amout'" in requests.get(log, timeout=10).text
        assert requests.get(end[-1].removeprefix("  run: "), timeout=10).ok
        told = [line for line in lines if "Informed scheduler that task" in line]
        assert len(set(told)) == len(told)
        read = next(line for line in lines if line.startswith("[") and "DONE ReadTask" in line)
        log = requests.get(read.split()[-1], timeout=10).text
        assert f"reading bad{number}" in log


def test_run_prints_the_address_of_a_result_of_another_name(stack: Stack) -> None:
    """Fault 2.6: ``URL=$(datanectar run ...)`` is the result's address, however it is called."""
    stack.chain("fresh/steps_chain", STEPS)

    done = command(stack, "run", "fresh/steps_chain/ReportTask", "name=good")

    assert done.returncode == 0, done.stderr
    (url,) = done.stdout.splitlines()
    assert url.endswith("/report.csv")
    assert requests.get(url, timeout=10).text == "the report"


def test_a_terminal_gets_no_control_characters_of_others(stack: Stack) -> None:
    """Fault 4.12: what a chain prints can't steer the terminal; colours are let through."""
    stack.chain(
        "fresh/loud_chain",
        "import luigi\n\n\nclass LoudTask(luigi.Task):\n"
        '    __doc__ = "a\\x1b]0;title\\x07b\\u202ec\\x9b2Jd\\x1b[31mred\\x1b[0m"\n',
    )
    parent, child = os.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "datanectar", "chains", "fresh"],
        env={**stack.environment, "DATANECTAR_URL": stack.url},
        stdout=child,
        stderr=child,
    )
    os.close(child)
    shown = b""
    with contextlib.suppress(OSError):  # EIO: the other end is closed
        while piece := os.read(parent, 4096):
            shown += piece
    os.close(parent)

    assert process.wait(30) == 0
    assert rb"a\x1b]0;title\x07b\u202ec\x9b2Jd" in shown
    assert b"\x1b[31mred\x1b[0m" in shown


# --- the project's own file --------------------------------------------------------------------


def in_project(folder: Path, *arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "datanectar", *arguments],
        env={"PATH": os.environ["PATH"], "HOME": str(folder), **environ},
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=60,
    )


@pytest.mark.parametrize("deep", ["", "code/chains/basic"])
def test_a_command_talks_to_the_app_of_the_project_that_it_stands_in(
    stack: Stack, tmp_path: Path, deep: str
) -> None:
    """Fault 3.21: ``datanectar run`` looks at its project's port; ``DATANECTAR_URL`` still wins."""
    (tmp_path / "code" / "chains" / "basic").mkdir(parents=True)
    (tmp_path / "datanectar.toml").write_text(f"port = {stack.port}\n")

    done = in_project(tmp_path / deep, "run", "basic/plain_chain/GreetTask", "name=here")

    assert done.returncode == 0, done.stderr
    assert f":{stack.port}/" in done.stdout
    elsewhere = {"DATANECTAR_URL": "http://127.0.0.1:1"}
    done = in_project(tmp_path / deep, "run", "basic/plain_chain/GreetTask", "name=x", **elsewhere)
    assert "No datanectar app answers at http://127.0.0.1:1" in done.stderr


def test_settings_says_where_each_value_comes_from(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text("[tool.datanectar]\nport = 5777\nworkers = 3\n")

    done = in_project(tmp_path, "settings", DATANECTAR_WORKERS="5")

    assert done.returncode == 0, done.stderr
    file = f"{tmp_path / 'pyproject.toml'} [tool.datanectar]"
    assert f"in force: 5777\n    from: {file}\n" in done.stdout
    assert "in force: 5\n    from: environment\n" in done.stdout
    assert "in force: 127.0.0.1\n    from: default\n" in done.stdout


@pytest.mark.parametrize("arguments", [["up"], ["web"], ["run", "a/b_chain/CTask"], ["settings"]])
def test_a_file_that_can_not_be_used_is_one_line_and_2(
    tmp_path: Path, arguments: list[str]
) -> None:
    (tmp_path / "datanectar.toml").write_text("prot = 1\n")

    done = in_project(tmp_path, *arguments)

    assert done.returncode == 2
    (line,) = done.stderr.splitlines()
    assert f"prot in {tmp_path / 'datanectar.toml'} is no setting; did you mean port?" in line


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("DATANECTAR_PROJECT", "~nosuchuser/x", "there is no user 'nosuchuser'"),
        ("DATANECTAR_PORT", "70000", "a whole number from 0 to 65535"),
        ("DATANECTAR_LUIGID_URL", "http://127.0.0.1:70000", "with a port up to 65535"),
        ("DATANECTAR_TOKENS", ",", "names no token"),
        ("DATANECTAR_HEARTBEAT_TIMEOUT", "0", "a number from 1 to"),
    ],
)
def test_settings_that_were_tracebacks_or_taken_are_words(
    stack: Stack, name: str, text: str, words: str
) -> None:
    """Faults 3.22 and 4.11."""
    done = command(stack, "up", **{name: text})

    assert done.returncode == 2
    (line,) = done.stderr.splitlines()
    assert name in line
    assert words in line


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


def test_chains_lists_tasks_parameters_and_errors(stack: Stack) -> None:
    stack.chain("fresh/brackets_chain", 'raise ValueError("[bold] [/nothing]")')

    done = command(stack, "chains", COLUMNS="20")

    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    offer = next(line for line in lines if "offers_chain/OfferTask" in line)
    assert len(offer.split("\t")) == 3
    assert "=(private)" in offer
    assert "needed=?" in offer
    assert "day=2026-06-03" in offer
    assert "Offers one of each." in offer
    assert "hunter" not in done.stdout
    assert any("ValueError: the weather is bad" in line for line in lines)
    assert any("ValueError: [bold] [/nothing]" in line for line in lines)


def test_chains_of_a_type_are_those_alone(stack: Stack) -> None:
    done = command(stack, "chains", "basic")

    assert done.returncode == 0, done.stderr
    assert {line.split("/")[0] for line in done.stdout.splitlines()} == {"basic"}
    assert "no chain of type 'bsic'" in command(stack, "chains", "bsic").stderr


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
    assert told.startswith(f"The run goes on. To stop it: curl -X DELETE {stack.url}/api/runs/")
    run = stack.get("/api/runs/" + told.rpartition("/")[2]).json()["data"]
    assert run["job_status"] == "RUNNING"
    assert requests.delete(told.rpartition(" ")[2], timeout=10).ok


def test_settings_lists_every_variable(stack: Stack) -> None:
    done = command(stack, "settings")

    assert done.returncode == 0
    assert "DATANECTAR_PORT\n    the app's port\n    default: 5000\n" in done.stdout


def test_settings_shows_what_is_in_force_but_no_secret(stack: Stack) -> None:
    done = command(
        stack,
        "settings",
        DATANECTAR_PORT="5123",
        DATANECTAR_TOKENS="hunter2:read",
        DATANECTAR_QUEUE_URL="redis://:hunter2@queue/0",
        DATANECTAR_DATABASE_URL="postgresql://me:hun/ter2@db/runs?password=hunter2",
    )

    assert "in force: 5123\n" in done.stdout
    assert "in force: redis://:***@queue/0\n" in done.stdout
    assert "in force: postgresql://me:***@db/runs?password=***\n" in done.stdout
    assert "ter2" not in done.stdout


def test_a_typo_in_a_settings_name_is_told(stack: Stack, tmp_path: Path) -> None:
    done = command(stack, "up", DATANECTAR_PROT="1", DATANECTAR_PROJECT=str(tmp_path))

    assert "DATANECTAR_PROT is no setting; did you mean DATANECTAR_PORT?" in done.stderr


@pytest.mark.parametrize("arguments", [["nonsense"], ["run", "--nonsense"], []])
def test_what_is_no_command_ends_with_2(stack: Stack, arguments: list[str]) -> None:
    done = command(stack, *arguments)

    assert done.returncode == 2
    assert "Traceback" not in done.stderr


# --- refusing to start -----------------------------------------------------------------------


@pytest.mark.parametrize("name", ["up", "web", "worker"])
def test_a_setting_that_cannot_be_used_is_one_line_and_2(stack: Stack, name: str) -> None:
    done = command(stack, name, DATANECTAR_PORT="five", DATANECTAR_WORKERS="0")

    assert done.returncode == 2
    (line,) = done.stderr.splitlines()
    assert "DATANECTAR_PORT is 'five'" in line
    assert "DATANECTAR_WORKERS is '0'" in line


def test_a_folder_without_chains_is_one_line_and_2(stack: Stack, tmp_path: Path) -> None:
    done = command(stack, "up", DATANECTAR_PROJECT=str(tmp_path))

    assert done.returncode == 2
    (line,) = done.stderr.splitlines()
    assert f"There is no folder {tmp_path}/code/chains" in line


@pytest.mark.parametrize("name", ["up", "web"])
def test_a_port_that_is_taken_is_one_line_and_2(
    make_stack: Callable[..., Stack], name: str
) -> None:
    stack = make_stack()
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", stack.port))
        taken.listen()
        began = time.monotonic()

        done = command(stack, name)

    assert done.returncode == 2
    (line,) = done.stderr.splitlines()
    assert f"Port {stack.port} on 127.0.0.1 can't be had" in line
    assert "DATANECTAR_PORT" in line
    assert time.monotonic() - began < 10


def test_luigids_port_taken_by_another_is_one_line_and_2(make_stack: Callable[..., Stack]) -> None:
    stack = make_stack()
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", stack.luigid_port))
        taken.listen()

        done = command(stack, "up")

    assert done.returncode == 2
    (line,) = done.stderr.splitlines()
    assert f"Port {stack.luigid_port}" in line
    assert "DATANECTAR_LUIGID_URL" in line


# --- up, and down again ----------------------------------------------------------------------


class Up:
    """``datanectar up`` as a process of its own."""

    def __init__(self, stack: Stack) -> None:
        self.stack = stack
        self.out = stack.project / "up.out"
        with self.out.open("wb") as out:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "datanectar", "up"],
                env={**stack.environment, "PYTHONUNBUFFERED": "1"},
                cwd=stack.project,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def ready(self) -> Up:
        """Wait for the banner and the worker."""
        wait_for(lambda: "Ctrl-C stops everything" in self.out.read_text(), "the banner is there")
        wait_for(self._has_worker, "the worker is there")
        return self

    def _has_worker(self) -> bool:
        return bool(requests.get(f"{self.stack.url}/readyz", timeout=10).json()["data"]["workers"])

    def pids(self) -> list[int]:
        return [self.process.pid, *descendants(self.process.pid)]

    def pid_of(self, name: str) -> int:
        """Return the pid of a part, or 0."""
        for process in psutil.Process(self.process.pid).children():
            with contextlib.suppress(psutil.Error):
                if "".join(process.cmdline()).startswith(f"datanectar: {name}"):
                    return process.pid
        return 0

    def end(self, number: signal.Signals) -> int:
        self.process.send_signal(number)
        return self.process.wait(60)


@pytest.fixture
def up(make_stack: Callable[..., Stack]) -> Iterator[Callable[..., Up]]:
    started: list[Up] = []

    def start(**environ: str) -> Up:
        started.append(Up(make_stack(f"project{len(started)}", **environ)))
        return started[-1]

    yield start
    for one in started:
        pids = one.pids()
        if one.process.poll() is None:
            one.end(signal.SIGTERM)
        assert not [pid for pid in pids if is_running(pid)]


def begun_run(up: Up, gate: Path) -> str:
    """Start a run that waits for ``gate``; return its key once it runs."""
    key = str(up.stack.client.post(f"{JOBS}/GatedTask", name="up", gate=str(gate))["key"])
    wait_for(lambda: up.stack.file(key, "log").exists(), "it has begun")
    return key


def test_up_serves_until_ctrl_c_and_leaves_no_process(
    up: Callable[..., Up], tmp_path: Path
) -> None:
    one = up().ready()

    text = one.out.read_text()
    assert f"http://localhost:{one.stack.port}/api/chains\n" in text
    assert one.stack.luigid_url in text
    assert "hello_luigiworld" not in text  # fault 3.22: this project has no such chain
    assert responds(one.stack.luigid_url)
    assert one.stack.run("basic/plain_chain/GreetTask", name="up")["job_status"] == "DONE"
    begun_run(one, tmp_path / "never")
    pids = one.pids()
    assert len(pids) > 6

    assert one.end(signal.SIGINT) == 0

    wait_for(lambda: not any(map(is_running, pids)), "nothing is left", 5)
    assert "Traceback" not in one.out.read_text()
    assert "Stopping; running runs get " in one.out.read_text()


@pytest.mark.parametrize("name", ["what?1", "100%25 #a", "a@b:c&d=%(here)s"])
def test_a_project_may_have_any_name(make_stack: Callable[..., Stack], name: str) -> None:
    """Fault 3.8: all that it makes lies in its folder, and behind a proxy that is none for it."""
    proxy = f"http://127.0.0.1:{free_port()}"
    stack = make_stack(name, http_proxy=proxy, HTTP_PROXY=proxy)
    before = {path.name for path in stack.project.parent.iterdir()}
    stack.start_up()

    done = stack.run("basic/plain_chain/GreetTask", name="odd")
    assert done["job_status"] == "DONE", done
    shown = command(stack, "run", "basic/plain_chain/GreetTask", "name=odd", "--url", stack.url)
    assert shown.returncode == 0, shown.stderr
    state = stack.project / ".datanectar"
    assert {path.name for path in state.iterdir()} >= {"runs.db", "queue.db", "luigid.log"}
    stack.close()
    assert (state / "luigid.pickle").exists()
    assert {path.name for path in stack.project.parent.iterdir()} == before


def test_projects_of_similar_names_share_nothing(make_stack: Callable[..., Stack]) -> None:
    """Faults 3.8 and 3.21: the history of one is not the other's."""
    one, other = make_stack("what?1"), make_stack("what?2")
    one.start()
    other.start()

    one.run("basic/plain_chain/GreetTask", name="one")

    greetings = "/api/runs?task=GreetTask"  # others may have come due by their schedules
    assert len(one.get(greetings).json()["data"]["runs"]) == 1
    assert other.get(greetings).json()["data"]["runs"] == []


def test_ctrl_c_while_it_starts_leaves_no_process(up: Callable[..., Up]) -> None:
    one = up()
    seen: set[int] = set()

    def has_parts() -> bool:
        seen.update(descendants(one.process.pid))
        return len(seen) >= 3

    wait_for(has_parts, "some parts are started")
    one.end(signal.SIGINT)

    wait_for(lambda: not any(map(is_running, seen)), "nothing is left", 10)
    assert "Traceback" not in one.out.read_text()


def test_a_part_that_is_killed_is_started_again_and_with_the_supervisor_all_go(
    up: Callable[..., Up], tmp_path: Path
) -> None:
    one = up().ready()
    web = one.pid_of("web")
    os.kill(web, signal.SIGKILL)
    wait_for(
        lambda: "web ended (exit code -9); starting it again in" in one.out.read_text(), "told"
    )
    wait_for(lambda: one.pid_of("web") not in (0, web), "there is a new one")
    wait_for(lambda: responds(f"{one.stack.url}/healthz"), "it answers")
    begun_run(one, tmp_path / "never")
    pids = one.pids()

    os.kill(one.process.pid, signal.SIGKILL)
    one.process.wait()

    wait_for(lambda: not any(map(is_running, pids)), "nothing is left", 30)


def test_up_uses_a_luigid_that_runs_already_and_leaves_it(
    make_stack: Callable[..., Stack], up: Callable[..., Up]
) -> None:
    stack = make_stack("lender")
    stack.start_plain_luigid(CONFIGURATION)
    one = up(DATANECTAR_LUIGID_URL=stack.luigid_url).ready()

    assert f"luigid runs already at {stack.luigid_url}; using it." in one.out.read_text()
    assert one.stack.run("basic/plain_chain/GreetTask", name="lodger")["job_status"] == "DONE"
    assert one.end(signal.SIGINT) == 0
    assert responds(stack.luigid_url)
