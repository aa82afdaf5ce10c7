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

from datanectar import luigid
from tests.servers.processes import Stack, answers, descendants, is_running, wait_for

JOBS = "http/jobs_chain"


def command(stack: Stack, *arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "datanectar", *arguments],
        env={**stack.defaults, **stack.environ, "DATANECTAR_URL": stack.url, **environ},
        cwd=stack.project,
        capture_output=True,
        text=True,
        timeout=60,
    )


# --- talking to an app -----------------------------------------------------------------------


def test_run_follows_the_log_and_ends_well(stack: Stack) -> None:
    done = command(stack, "run", "basic/plain_chain/GreetTask", "name=a=b c")

    assert done.returncode == 0, done.stderr
    assert "greeting a=b c" in done.stdout
    state, url = done.stderr.split()
    assert (state, requests.get(url, timeout=10).text) == ("DONE", "hello a=b c\n")


def test_run_of_what_is_done_says_so_at_once(stack: Stack) -> None:
    command(stack, "run", "basic/plain_chain/GreetTask", "name=twice")

    done = command(stack, "run", "basic/plain_chain/GreetTask", "name=twice")

    assert (done.returncode, done.stderr.split()[0]) == (0, "DONE")


def test_run_of_a_failure_ends_with_1_and_its_last_line(stack: Stack) -> None:
    done = command(stack, "run", f"{JOBS}/FlakyTask", "name=cli", "cure=/no/cure")

    assert done.returncode == 1
    assert done.stderr == "FAILED ValueError: cli is sick\n"
    assert "Traceback" in done.stdout  # the task's log


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
        env={**stack.defaults, **stack.environ, "DATANECTAR_URL": stack.url},
        cwd=stack.project,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    process.stdout.readline()  # its log: it runs
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
                env={**stack.defaults, **stack.environ, "PYTHONUNBUFFERED": "1"},
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
                if process.cmdline()[-1:] == [name]:
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
    assert answers(one.stack.luigid_url)
    assert one.stack.run("basic/plain_chain/GreetTask", name="up")["job_status"] == "DONE"
    begun_run(one, tmp_path / "never")
    pids = one.pids()
    assert len(pids) > 6

    assert one.end(signal.SIGINT) == 0

    wait_for(lambda: not any(map(is_running, pids)), "nothing is left", 5)
    assert "Traceback" not in one.out.read_text()
    assert "Stopping; running runs get " in one.out.read_text()


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
    wait_for(lambda: answers(f"{one.stack.url}/healthz"), "it answers")
    begun_run(one, tmp_path / "never")
    pids = one.pids()

    os.kill(one.process.pid, signal.SIGKILL)
    one.process.wait()

    wait_for(lambda: not any(map(is_running, pids)), "nothing is left", 30)


def test_up_uses_a_luigid_that_runs_already_and_leaves_it(
    make_stack: Callable[..., Stack], up: Callable[..., Up]
) -> None:
    stack = make_stack("lender")
    stack.start_luigis_own(luigid.CONFIGURATION)
    one = up(DATANECTAR_LUIGID_URL=stack.luigid_url).ready()

    assert f"luigid runs already at {stack.luigid_url}; using it." in one.out.read_text()
    assert one.stack.run("basic/plain_chain/GreetTask", name="lodger")["job_status"] == "DONE"
    assert one.end(signal.SIGINT) == 0
    assert answers(stack.luigid_url)
