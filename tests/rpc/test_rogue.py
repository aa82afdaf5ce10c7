"""Nothing that a server at luigid's address sends can harm a run, nor is it taken for an outage."""

from __future__ import annotations

import http.server
import json
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from datanectar.messages import TaskReport
from datanectar.statuses import DONE, FAILED
from tests.rpc.rogue import Rogue, rogue
from tests.servers.bench import Bench, Ran, lines_of
from tests.servers.processes import free_port

pytestmark = pytest.mark.slow

CHAIN = """
import luigi
from datanectar import NectarTask

class _Said(NectarTask):
    name = luigi.Parameter(default="x")
    evidence = luigi.Parameter(significant=False)
    def run(self):
        with open(self.evidence, "a") as said:
            print(type(self).__name__, self.name, file=said)
        self.output().open("w").close()

class StepTask(_Said):
    pass

class StepsTask(_Said):
    def requires(self):
        return [StepTask(name=n, evidence=self.evidence) for n in "ab"]

class AdminTask(_Said):
    pass
"""
PLACE = "evil/steps_chain"


@pytest.fixture
def against(make_bench: Callable[..., Bench]) -> Callable[[str], Bench]:
    """Make a bench whose runs speak to another URL."""

    def make(url: str) -> Bench:
        bench = make_bench(DATANECTAR_LUIGID_URL=url)
        bench.stack.chain(PLACE, CHAIN)
        bench.children.start()
        return bench

    return make


def end(ran: Ran) -> str:
    assert ran.outcome is not None
    return f"{ran.outcome.status} {ran.outcome.error}"


def stranger(given: dict[str, Any]) -> Callable[..., Any]:
    """Make a twist that gives, once for each answer to get_work, what was not scheduled."""
    times = iter(range(3))

    def twist(method: str, arguments: dict[str, Any], right: Any) -> Any:
        if method == "get_work" and next(times, None) is not None:
            known = {"n_pending_tasks": 1, "n_unique_pending": 1, "running_tasks": []}
            return {**known, "task_id": None, **given}
        return right

    return twist


ADMIN = {
    "task_module": f"chains.{PLACE.replace('/', '.')}",
    "task_family": "AdminTask",
    "task_params": {"name": "admin"},
}


@pytest.mark.parametrize(
    "given",
    [
        {"task_id": "evil.steps_chain.AdminTask_x", **ADMIN},
        {"task_id": "AdminTask_x", **ADMIN},
        {"task_id": "x", "task_module": "luigi.contrib.sge", "task_family": "T", "task_params": {}},
        {"batch_id": "b", "batch_task_ids": ["AdminTask_x", "AdminTask_y"], **ADMIN},
    ],
    ids=["task", "short", "module", "batch"],
)
def test_a_run_does_only_what_it_scheduled(
    against: Callable[[str], Bench], tmp_path: Path, given: dict[str, Any]
) -> None:
    """fault 4.1"""
    evidence = tmp_path / "evidence"
    given = {**given, "task_params": {**given["task_params"], "evidence": str(evidence)}}
    with rogue(stranger(given)) as luigid:
        ran = against(luigid.url).run(f"{PLACE}/StepsTask", evidence=str(evidence))

    assert end(ran) == "DONE None"
    assert sorted(lines_of(evidence)) == ["StepTask a", "StepTask b", "StepsTask x"]
    ids = given.get("batch_task_ids") or [given["task_id"]]
    told = [a["status"] for m, a in luigid.asked if m == "add_task" and a["task_id"] in ids]
    assert told == ["FAILED"] * (3 * len(ids))


def test_the_tasks_of_a_batch_are_its_own_and_alike(
    against: Callable[[str], Bench], tmp_path: Path
) -> None:
    """fault 4.1: tasks that were scheduled, in a batch that they are not."""
    evidence = tmp_path / "evidence"
    seen: list[str] = []

    def twist(method: str, arguments: dict[str, Any], right: Any) -> Any:
        if method == "add_task" and "StepTask" in arguments["task_id"]:
            seen.append(arguments["task_id"])
        if method == "get_work" and len(set(seen)) == 2 and len(seen) == 2:
            seen.append("once")
            batch = {"task_id": None, "batch_id": "b", "batch_task_ids": seen[:2], **ADMIN}
            return {**right, **batch}
        return right

    with rogue(twist) as luigid:
        ran = against(luigid.url).run(f"{PLACE}/StepsTask", evidence=str(evidence))

    assert ran.outcome is not None
    assert not [line for line in lines_of(evidence) if "Admin" in line]


def test_many_strangers_are_refused_one_by_one_and_the_run_goes_on(
    against: Callable[[str], Bench], tmp_path: Path
) -> None:
    """As when a run lost its worker, and comes back with what that one had found on its way."""
    ids = iter([f"AdminTask_{n}" for n in range(150)])

    def twist(method: str, arguments: dict[str, Any], right: Any) -> Any:
        known = next(ids, None) if method == "get_work" else None
        return {**right, "task_id": known, **ADMIN} if known else right

    with rogue(twist) as luigid:
        ran = against(luigid.url).run(f"{PLACE}/StepTask", evidence=str(tmp_path / "e"))

    assert end(ran) == "DONE None"


def test_a_luigid_that_gives_nothing_but_strangers_ends_the_run(
    against: Callable[[str], Bench], tmp_path: Path
) -> None:
    def twist(method: str, arguments: dict[str, Any], right: Any) -> Any:
        return {**right, "task_id": "AdminTask_x", **ADMIN} if method == "get_work" else right

    with rogue(twist) as luigid:
        ran = against(luigid.url).run(f"{PLACE}/StepTask", evidence=str(tmp_path / "e"))

    assert "gives this run nothing but tasks that it did not schedule" in end(ran)


@pytest.mark.parametrize(
    "said",
    [
        None,
        [],
        "x",
        7,
        {},
        {"task_id": None},
        {"task_id": 5, "running_tasks": [], "n_pending_tasks": 0, "n_unique_pending": 0},
        {"task_id": None, "running_tasks": 1, "n_pending_tasks": 0, "n_unique_pending": 0},
        {"task_id": None, "running_tasks": ["x"], "n_pending_tasks": 0, "n_unique_pending": 0},
        {"task_id": None, "running_tasks": [], "n_pending_tasks": "x", "n_unique_pending": 0},
        {"task_id": None, "running_tasks": [], "n_pending_tasks": 1e999, "n_unique_pending": 0},
        {
            "task_id": None,
            "running_tasks": [],
            "n_pending_tasks": 1,
            "n_unique_pending": 1,
            "batch_id": "b",
            "batch_task_ids": None,
        },
        (200, b""),
        (200, b"<html>hello</html>"),
        (200, b"[1]"),
        (200, b'{"other": 1}'),
        (200, b"\xff\xfe"),
        (200, b"[" * 100_000),
    ],
    ids=lambda said: repr(said)[:60],
)
def test_an_answer_that_luigid_cant_have_given_ends_the_run_with_words(
    against: Callable[[str], Bench], tmp_path: Path, said: Any
) -> None:
    """fault 4.1"""
    with rogue(lambda method, _, right: said if method == "get_work" else right) as luigid:
        ran = against(luigid.url).run(f"{PLACE}/StepTask", evidence=str(tmp_path / "e"))

    assert end(ran).startswith(f"FAILED What answers at {luigid.url} is not luigid (")


@pytest.mark.parametrize("method", ["get_work", "add_task"])
@pytest.mark.parametrize(
    ("status", "words"),
    [
        (500, "FAILED luigid at {url} refuses /api/{method} (500 Internal Server Error): no good"),
        (400, "FAILED luigid at {url} refuses /api/{method} (400 Bad Request): no good"),
        (403, "FAILED luigid at {url} refuses /api/{method} (403 Forbidden): no good"),
        (404, "FAILED What answers at {url} is not luigid (404 Not Found)"),
        (501, "FAILED What answers at {url} is not luigid (501 Not Implemented)"),
        (302, "FAILED What answers at {url} is not luigid (302 Found)"),
        (204, "FAILED What answers at {url} is not luigid (204 No Content)"),
    ],
)
def test_a_refusal_is_no_outage(
    against: Callable[[str], Bench], tmp_path: Path, method: str, status: int, words: str
) -> None:
    """fault 3.2"""
    with rogue(lambda m, _, right: (status, b"no good") if m == method else right) as luigid:
        ran = against(luigid.url).run(f"{PLACE}/StepTask", evidence=str(tmp_path / "e"))

    assert end(ran).startswith(words.format(url=luigid.url, method=method))


def test_a_proxy_without_its_luigid_is_an_outage(
    against: Callable[[str], Bench], tmp_path: Path
) -> None:
    times = iter([502, 503, 504])

    def twist(method: str, arguments: dict[str, Any], right: Any) -> Any:
        status = next(times, None) if method == "get_work" else None
        return (status, b"<html>") if status else right

    with rogue(twist) as luigid:
        ran = against(luigid.url).run(f"{PLACE}/StepTask", evidence=str(tmp_path / "e"))

    assert end(ran) == "DONE None"


@pytest.fixture
def files() -> Iterator[str]:
    """The URL of a plain web server, which answers 501 to a POST."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), http.server.SimpleHTTPRequestHandler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def test_another_server_on_luigids_port_is_named(
    against: Callable[[str], Bench], tmp_path: Path, files: str
) -> None:
    """fault 3.9"""
    ran = against(files).run(f"{PLACE}/StepTask", evidence=str(tmp_path / "e"))

    assert end(ran) == (
        f"FAILED What answers at {files} is not luigid (501 Unsupported method ('POST')); "
        "stop it, or set DATANECTAR_LUIGID_URL to where luigid is."
    )


def test_a_server_of_another_kind_on_luigids_port_is_named(
    against: Callable[[str], Bench], tmp_path: Path
) -> None:
    """fault 3.9"""
    with socket.create_server(("127.0.0.1", free_port())) as listener:

        def greet() -> None:
            while True:
                try:
                    connection, _ = listener.accept()
                except OSError:
                    return
                connection.sendall(b"SSH-2.0-OpenSSH_9.9\r\n")
                connection.recv(1000)

        threading.Thread(target=greet, daemon=True).start()
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        ran = against(url).run(f"{PLACE}/StepTask", evidence=str(tmp_path / "e"))

    assert end(ran).startswith(f"FAILED What answers at {url} is not luigid (")


def messages(luigid: Rogue, method: str) -> list[dict[str, Any]]:
    return [arguments for asked, arguments in luigid.asked if asked == method]


TALK = """
import luigi
from datanectar import NectarTask

class TalkTask(NectarTask):
    def run(self):
        self.set_status_message("<img src=x onerror=alert(1)> & more")
        self.set_tracking_url("javascript:alert(1)")
        self.set_tracking_url("http://127.0.0.1/<b>")
        self.output().open("w").close()
"""


def test_luigids_page_gets_no_html_and_no_script(against: Callable[[str], Bench]) -> None:
    """fault 4.3"""
    with rogue(lambda method, _, right: right) as luigid:
        bench = against(luigid.url)
        bench.stack.chain("evil/talk_chain", TALK)
        ran = bench.run("evil/talk_chain/TalkTask")

    assert end(ran) == "DONE None"
    (told,) = messages(luigid, "set_task_status_message")
    assert told["status_message"] == "&lt;img src=x onerror=alert(1)&gt; &amp; more"
    assert ran.reported("TalkTask")["message"] == "<img src=x onerror=alert(1)> & more"
    assert "javascript" not in json.dumps(messages(luigid, "add_task"))
    urls = {each["tracking_url"] for each in messages(luigid, "add_task")}
    assert urls == {None, "http://127.0.0.1/<b>"}
    assert DONE in {report.status for report in ran.reports if isinstance(report, TaskReport)}
    assert FAILED not in {report.status for report in ran.reports}
