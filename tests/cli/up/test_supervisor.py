"""``datanectar up`` brings back what dies, however often, and goes on itself."""

from __future__ import annotations

import contextlib
import http.server
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from datanectar.cli.up.process import ManagedProcess
from datanectar.luigid.client import Luigid
from datanectar.luigid.launch import publish_url, published_url
from tests.servers.bench import lines_of
from tests.servers.processes import free_port, is_running, responds, wait_for
from tests.servers.stack import Stack


def test_a_second_up_over_one_project_is_refused_in_a_line(
    make_stack: Callable[..., Stack],
) -> None:
    stack, other = make_stack("one"), make_stack("two")
    stack.start_up()
    other.environ["DATANECTAR_STATE"] = str(stack.settings.state)

    other.spawn_datanectar("up")

    assert other.processes["up"].wait(60) == 2
    pid = stack.processes["up"].pid
    assert other.output("up").startswith(f"datanectar: This project is up already (process {pid})")
    assert stack.stop("up", signal.SIGINT) == 0


def test_a_worker_that_dies_again_and_again_is_started_again_and_again(
    make_stack: Callable[..., Stack],
) -> None:
    stack = make_stack(DATANECTAR_GRACE="0")
    stack.spawn_datanectar("up")
    supervisor = psutil.Process(stack.processes["up"].pid)

    def worker(but: set[int]) -> psutil.Process | None:
        for child in supervisor.children():
            try:
                # Of its own session: what a killed one leaves is the supervisor's child as well.
                is_part = (
                    child.cmdline()[:1] == ["datanectar: worker"]
                    and os.getsid(child.pid) == child.pid
                )
                if is_part and child.pid not in but:
                    return child
            except psutil.Error:
                continue
        return None

    killed: set[int] = set()
    for _ in range(4):
        found = wait_for(lambda: worker(killed), "there is a worker")
        killed.add(found.pid)  # type: ignore[attr-defined]
        os.kill(found.pid, signal.SIGKILL)  # type: ignore[attr-defined]

    wait_for(lambda: responds(f"{stack.url}/healthz"), "the web answers")
    answer = stack.post("basic/plain_chain/GreetTask?name=again", headers={"Prefer": "wait=60"})
    assert answer.json()["data"]["job_status"] == "DONE"
    assert stack.processes["up"].poll() is None
    assert stack.output("up").count("worker ended") == 4
    assert stack.stop("up", signal.SIGINT) == 0
    assert not responds(stack.url)


def test_a_process_may_fail_for_hours() -> None:
    """Fault 3.3: after 1,024 short lives the pause was too large a number."""
    reported: list[str] = []
    process = ManagedProcess("worker", ["false"], {})

    for _ in range(1100):
        process.begun = time.monotonic()
        process.revive(reported.append)
        assert process.restart_at is not None
        assert process.restart_at - time.monotonic() <= 15
        process.restart_at = None

    assert reported[0].endswith("starting it again in 0.4 s.")
    assert reported[-1].endswith("starting it again in 15 s.")


def test_a_process_that_the_system_can_not_start_now_is_tried_again(tmp_path: Path) -> None:
    """Fault 3.3: an OSError of the start ended ``datanectar up``."""
    reported: list[str] = []
    program = tmp_path / "late"
    process = ManagedProcess("worker", [str(program)], {"PATH": os.environ["PATH"]}, restart_at=0.0)

    process.revive(reported.append)
    assert process.restart_at is not None
    assert "worker could not be started" in reported[0]
    program.write_text("#!/bin/sh\nexit 0\n")
    program.chmod(0o700)
    process.restart_at = 0.0
    process.revive(reported.append)

    assert process.process is not None and process.process.wait(60) == 0


# --- the fork server of web and worker -------------------------------------------------------------

linux = pytest.mark.skipif(sys.platform != "linux", reason="fork servers are shared on Linux alone")

#: Writes where it was imported and where it ran.
TRACE = """
import os, time
from pathlib import Path
import luigi
from datanectar import NectarTask

imported = os.getpid()


class TraceTask(NectarTask):
    name = luigi.Parameter()
    gate = luigi.Parameter(default="/", significant=False)

    def run(self):
        if self.gate != "/":
            Path(f"{self.gate}.reached").touch()
        while not os.path.exists(self.gate):
            time.sleep(0.02)
        with self.output().open("w") as out:
            out.write(f"{imported} {os.getpid()} {os.getppid()}")
"""


def part(stack: Stack, role: str, but: int = 0) -> psutil.Process:
    """Return the part of ``up`` whose process title or command names this role."""

    def look() -> psutil.Process | None:
        for child in psutil.Process(stack.processes["up"].pid).children():
            with contextlib.suppress(psutil.Error):  # it may have been killed
                words = child.cmdline()
                named = "".join(words).startswith(f"datanectar: {role}") or role in words
                if named and child.pid != but:
                    return child
        return None

    found = wait_for(look, f"there is a {role}")
    assert isinstance(found, psutil.Process)
    return found


def fork_server_of(stack: Stack, but: int = 0) -> psutil.Process:
    """Return the one fork server, the child of its watchdog."""
    watchdog = part(stack, "fork server watchdog", but)
    wait_for(watchdog.children, "the watchdog has a fork server")
    (fork_server,) = watchdog.children()
    return fork_server


def greets(stack: Stack, name: str) -> bool:
    path = f"basic/plain_chain/GreetTask?name={name}"
    answer = stack.post(path, headers={"Prefer": "wait=60"})
    return bool(answer.json()["data"]["job_status"] == "DONE")


@linux
def test_web_and_worker_share_a_fork_server_and_what_was_resolved_runs_in_the_same_process(
    make_stack: Callable[..., Stack],
) -> None:
    stack = make_stack()
    stack.chain("made/trace_chain", TRACE)
    stack.start_up()

    status = stack.run("made/trace_chain/TraceTask", name="x")

    imported, ran, parent = stack.file(str(status["key"])).read_text().split()
    assert imported == ran
    assert int(parent) == fork_server_of(stack).pid
    for name in ("web", "worker"):
        commands = [p.cmdline() for p in part(stack, name).children(recursive=True)]
        assert not [command for command in commands if "fork server" in " ".join(command)]
    assert stack.stop("up", signal.SIGINT) == 0


@linux
def test_a_run_that_waits_longer_than_its_child_runs_all_the_same(
    make_stack: Callable[..., Stack],
) -> None:
    stack = make_stack()
    stack.chain("made/trace_chain", TRACE)
    stack.start_up()
    worker = part(stack, "worker")
    worker.suspend()
    key = stack.post("made/trace_chain/TraceTask?name=late").json()["data"]["key"]
    for process in fork_server_of(stack).children():
        with contextlib.suppress(psutil.NoSuchProcess):
            process.kill()
    worker.resume()

    assert stack.ended(key)["job_status"] == "DONE"
    assert stack.stop("up", signal.SIGINT) == 0


@linux
@pytest.mark.parametrize("victim", ["watchdog", "fork server"])
def test_a_run_whose_fork_server_is_killed_begins_again_below_another(
    make_stack: Callable[..., Stack], tmp_path: Path, victim: str
) -> None:
    stack = make_stack()
    stack.start_up()
    before = fork_server_of(stack)
    watchdog = before.parent()
    assert watchdog is not None
    evidence = tmp_path / "evidence"
    path = f"bad/processes_chain/LeaveApartTask?name=x&evidence={evidence}&end=well"
    key = stack.post(path).json()["data"]["key"]
    wait_for(lambda: "ready" in lines_of(evidence), "the task has started its processes")
    pids = [int(line) for line in lines_of(evidence) if line != "ready"]

    (watchdog if victim == "watchdog" else before).kill()

    assert stack.ended(key)["job_status"] == "DONE"
    assert greets(stack, "afterwards")
    assert fork_server_of(stack, but=watchdog.pid).pid != before.pid
    wait_for(lambda: not any(map(is_running, pids)), "what the run had started is gone", 15)
    assert stack.stop("up", signal.SIGINT) == 0


@linux
@pytest.mark.parametrize("victim", ["web", "worker"])
def test_who_is_killed_takes_its_children_along_and_the_next_one_shares_the_fork_server(
    make_stack: Callable[..., Stack], tmp_path: Path, victim: str
) -> None:
    stack = make_stack()
    stack.chain("made/trace_chain", TRACE)
    stack.start_up()
    fork_server, gate = fork_server_of(stack), tmp_path / "gate"
    key = stack.post(f"made/trace_chain/TraceTask?name=x&gate={gate}").json()["data"]["key"]
    wait_for((tmp_path / "gate.reached").exists, "the task runs")

    part(stack, victim).kill()

    wait_for(lambda: f"{victim} ended" in stack.output("up"), "the supervisor has seen it")
    wait_for(lambda: responds(f"{stack.url}/healthz"), "the web answers")
    gate.touch()
    status = stack.ended(key)
    assert status["job_status"] == "DONE"
    assert status["attempts"] == (2 if victim == "worker" else 1)
    assert greets(stack, "afterwards")
    assert fork_server_of(stack) == fork_server
    assert stack.stop("up", signal.SIGINT) == 0
    wait_for(lambda: not fork_server.is_running(), "the fork server has ended")


@linux
def test_children_of_a_shared_fork_server_see_no_secrets(make_stack: Callable[..., Stack]) -> None:
    stack = make_stack(DATANECTAR_TOKENS="very-secret-token-of-ours:admin")
    stack.start_up()

    environ = Path(f"/proc/{fork_server_of(stack).pid}/environ").read_text()
    assert "DATANECTAR_PROJECT=" in environ
    assert "secret" not in environ
    assert "DATANECTAR_DATABASE_URL" not in environ
    assert stack.stop("up", signal.SIGINT) == 0


@linux
def test_a_preload_that_cant_be_imported_stops_up_and_is_named(
    make_stack: Callable[..., Stack],
) -> None:
    stack = make_stack(DATANECTAR_PRELOAD="json no_such_module_anywhere")
    stack.spawn_datanectar("up")

    assert stack.processes["up"].wait(60) == 2
    assert "no_such_module_anywhere can't be imported" in stack.output("up")
    assert "DATANECTAR_PRELOAD" in stack.output("up")
    assert "fork server did not start" in stack.output("up")


# --- luigid -----------------------------------------------------------------------------------


def up_without_url(stack: Stack) -> str:
    """Start ``up`` with no word where luigid is to be; return where it says that it is."""
    del stack.defaults["DATANECTAR_LUIGID_URL"]
    stack.start_up()
    wait_for(lambda: "Ctrl-C stops" in stack.output("up"), "the banner is there")
    (line,) = (line for line in stack.output("up").splitlines() if line.startswith("  luigid "))
    return line.split()[-1]


def test_a_project_has_its_own_luigid_when_the_port_is_taken(
    make_stack: Callable[..., Stack],
) -> None:
    """fault 3.21"""
    stack = make_stack()
    with socket.socket() as taken:
        with contextlib.suppress(OSError):  # then it is taken by somebody else
            taken.bind(("127.0.0.1", 8082))
            taken.listen()
        url = up_without_url(stack)

        assert not url.endswith(":8082")
        assert f"Port 8082 is taken; this project's luigid is at {url}." in stack.output("up")
        assert greets(stack, "own")
        known = Luigid(url).call("task_list", status="DONE", upstream_status="")
        assert "basic.plain_chain.GreetTask" in [task["name"] for task in known.values()]
        assert stack.get("/readyz").json()["data"]["scheduler"] is True
        stack.port = free_port()
        stack.defaults["DATANECTAR_PORT"] = str(stack.port)
        stack.url = f"http://127.0.0.1:{stack.port}"
        stack.start_web()  # by hand, beside the one of `up`: it asks the same luigid
        assert stack.get("/readyz").json()["data"]["scheduler"] is True
        assert published_url(stack.settings.state) == url
        assert stack.stop("up", signal.SIGINT) == 0
        assert not (stack.settings.state / "luigid.url").exists()


def test_where_luigid_was_counts_no_more_when_up_was_killed(tmp_path: Path) -> None:
    publish_url(tmp_path, "http://127.0.0.1:1")
    assert published_url(tmp_path) == "http://127.0.0.1:1"
    gone = subprocess.Popen(["true"])
    gone.wait()
    for text in (f"{gone.pid} http://127.0.0.1:1", "x http://127.0.0.1:1", "", f"{os.getpid()}"):
        (tmp_path / "luigid.url").write_text(text)
        assert published_url(tmp_path) is None


def refused(stack: Stack) -> str:
    """Start ``up``, which has to refuse; return its line."""
    stack.spawn_datanectar("up")
    assert stack.processes["up"].wait(60) == 2
    (line,) = (x for x in stack.output("up").splitlines() if x.startswith("datanectar: "))
    return line


def test_another_server_where_luigid_is_to_be_is_named(make_stack: Callable[..., Stack]) -> None:
    """fault 3.9"""
    stack = make_stack()
    server = http.server.ThreadingHTTPServer(
        ("127.0.0.1", stack.luigid_port), http.server.SimpleHTTPRequestHandler
    )
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        assert refused(stack) == (
            f"datanectar: What answers at {stack.luigid_url} is not luigid (501 Unsupported method "
            "('POST')); stop it, or set DATANECTAR_LUIGID_URL to where luigid is."
        )
        stack.start_web()
        assert stack.get("/readyz").json()["data"]["scheduler"] is False
    finally:
        server.shutdown()
        server.server_close()


def test_another_datanectar_where_luigid_is_to_be_is_named(
    make_stack: Callable[..., Stack],
) -> None:
    """fault 3.9"""
    one, other = make_stack("one"), make_stack("other")
    one.start_web()
    other.defaults["DATANECTAR_LUIGID_URL"] = one.url

    assert f"What answers at {one.url} is not luigid (" in refused(other)


def test_another_projects_luigid_is_not_used(make_stack: Callable[..., Stack]) -> None:
    """fault 3.21"""
    one, other = make_stack("one"), make_stack("other")
    one.start_luigid()
    other.defaults["DATANECTAR_LUIGID_URL"] = one.luigid_url

    assert f"luigid at {one.luigid_url} is another project's" in refused(other)


@pytest.mark.parametrize("host", ["0.0.0.0", "[::]", "192.0.2.1"])
def test_luigid_is_started_on_loopback_alone(make_stack: Callable[..., Stack], host: str) -> None:
    """fault 4.11"""
    stack = make_stack()
    url = f"http://{host}:{stack.luigid_port}"
    stack.defaults["DATANECTAR_LUIGID_URL"] = url

    assert f"DATANECTAR_LUIGID_URL is {url}" in refused(stack)
    assert not responds(stack.luigid_url)


@linux
def test_luigid_sees_no_secrets(make_stack: Callable[..., Stack]) -> None:
    """fault 4.1"""
    secrets = {
        "DATANECTAR_TOKENS": "hush-hush-hush-hush:admin",
        "AWS_SECRET_ACCESS_KEY": "hush",
        "ANY_OTHER": "hush",
    }
    stack = make_stack(**secrets)
    stack.start_up()
    pid = part(stack, "datanectar.luigid.server").pid

    environ = Path(f"/proc/{pid}/environ").read_text()
    assert "hush" not in environ
    assert "DATANECTAR_DATABASE_URL" not in environ
    assert "LUIGI_CONFIG_PATH=" in environ
    assert stack.stop("up", signal.SIGINT) == 0


def test_a_broken_state_of_luigid_does_not_keep_up_from_starting(
    make_stack: Callable[..., Stack],
) -> None:
    """fault 4.8"""
    stack = make_stack()
    stack.settings.state.mkdir(parents=True, exist_ok=True)
    (stack.settings.state / "luigid.pickle").write_bytes(b"garbage")

    stack.start_up()

    assert greets(stack, "well")
    assert stack.stop("up", signal.SIGINT) == 0
