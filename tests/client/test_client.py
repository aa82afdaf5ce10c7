"""The Python client, against a running app."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import date
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any, ClassVar

import pytest

from datanectar import Client
from datanectar.errors import BadRequest, DatanectarError, NotFound, Unavailable, by_status
from tests.servers.processes import free_port, wait_for
from tests.servers.stack import Stack

JOBS = "http/jobs_chain"


def test_a_task_is_run_and_its_result_is_read(stack: Stack) -> None:
    client = Client(stack.url + "/")

    run = client.run("basic/plain_chain/GreetTask", name="client")

    assert run.wait().read_bytes() == b"hello client\n"
    assert client.read(run.status()) == b"hello client\n"
    assert "greeting client" in run.log()


def test_values_go_as_what_they_are(stack: Stack) -> None:
    client = Client(stack.url)

    def found(task: str, value: Any) -> str:
        return client.run(f"http/kinds_chain/{task}", value=value).wait().read_text()

    assert found("DateTask", date(2026, 6, 3)) == "datetime.date(2026, 6, 3)"
    assert found("PathTask", Path("/some/where")) == "PosixPath('/some/where')"
    assert found("DictTask", {"b": [1, None], "a": True}) == "{'a': True, 'b': (1, None)}"
    assert found("IntTask", 7) == "7"


def test_a_refusal_is_raised_with_its_words_and_fields(stack: Stack) -> None:
    client = Client(stack.url)

    with pytest.raises(BadRequest) as refusal:
        client.post("basic/plain_chain/GreetTask", nonsense=1)
    assert "nonsense" in refusal.value.message
    assert list(refusal.value.fields) == ["nonsense"]
    with pytest.raises(NotFound, match="no task 'NoTask'"):
        client.post("basic/plain_chain/NoTask")


def test_a_run_that_was_waited_for_in_vain_is_an_answer(stack: Stack) -> None:
    """Fault 2.7."""
    client = Client(stack.url)
    client.transport._session.headers["Prefer"] = "wait=30"

    answer = client.post(f"{JOBS}/FlakyTask", name="waited", cure="/no/cure")

    assert (answer["job_status"], answer["error"]) == ("FAILED", "ValueError: waited is sick")


def test_a_status_of_500_is_no_fault_of_the_start() -> None:
    """Fault 3.22."""
    assert by_status(500) is DatanectarError
    assert by_status(404) is NotFound


def test_a_result_that_is_not_there_is_not_read(stack: Stack) -> None:
    client = Client(stack.url)
    status = client.wait(client.run(f"{JOBS}/FlakyTask", name="client", cure="/no/cure").key)

    with pytest.raises(DatanectarError, match="FAILED: ValueError: client is sick"):
        client.read(status)


def test_chains_are_listed(stack: Stack) -> None:
    chains = {f"{c['type']}/{c['name']}": c for c in Client(stack.url).chains()}

    assert chains["basic/plain_chain"]["tasks"][0]["name"] == "GreetTask"
    assert chains["broken/raises_chain"]["error"].startswith("ValueError")


def test_a_log_is_followed_while_it_is_written(stack: Stack, tmp_path: Path) -> None:
    client, gate = Client(stack.url), tmp_path / "gate"
    key = client.post(f"{JOBS}/GatedTask", name="client", gate=str(gate))["key"]

    text = ""
    for piece in client.follow(key):
        text += piece
        if "client has begun" in text:
            gate.touch()

    assert "client has begun\nclient goes on\n" in text
    # Who comes before the task begins is shown what its run says until then.
    assert text.endswith(stack.get("/api/chainlog", params={"chain": key}).text)


def test_a_log_goes_on_after_the_app_was_restarted(
    make_stack: Callable[..., Stack], tmp_path: Path
) -> None:
    stack, gate = make_stack().start(), tmp_path / "gate"
    client = Client(stack.url)
    key = client.post(f"{JOBS}/GatedTask", name="torn", gate=str(gate))["key"]
    pieces: list[str] = []
    for piece in client.follow(key):
        pieces.append(piece)
        if "torn has begun" in "".join(pieces):
            break
    else:
        pytest.fail("the log ended")
    rest: list[str] = []
    follower = threading.Thread(target=lambda: rest.extend(client.follow(key)))
    follower.start()
    wait_for(lambda: "torn has begun" in "".join(rest), "the follower is at it")

    stack.kill("web")
    stack.start_web()
    gate.touch()

    follower.join(60)
    assert "torn has begun\ntorn goes on\n" in "".join(rest)
    assert "".join(rest).count("torn has begun") == 1


def test_an_app_that_is_not_there_is_named(stack: Stack) -> None:
    url = f"http://127.0.0.1:{free_port()}"

    with pytest.raises(Unavailable, match=f"No datanectar app answers at {url}"):
        Client(url, retries=0).chains()


@pytest.fixture
def behind_proxy(monkeypatch: pytest.MonkeyPatch) -> str:
    """Have the environment name a proxy, at which nobody listens."""
    proxy = f"http://me:hunter2@127.0.0.1:{free_port()}"
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, proxy)
        monkeypatch.setenv(name.lower(), proxy)
    return proxy.replace("me:hunter2@", "")


def test_loopback_is_asked_without_a_proxy(stack: Stack, behind_proxy: str) -> None:
    """Fault 3.10."""
    for host in ("127.0.0.1", "localhost"):
        client = Client(f"http://{host}:{stack.port}")
        run = client.run("basic/plain_chain/GreetTask", name="proxied")
        assert run.wait().read_text() == "hello proxied\n"
        assert "".join(run.follow())


def test_a_proxy_that_was_asked_is_named_without_its_password(behind_proxy: str) -> None:
    """Fault 3.10: elsewhere, it may be the proxy that does not answer."""
    with pytest.raises(Unavailable) as problem:
        Client("http://chains.example:5000", retries=0).chains()

    assert behind_proxy in problem.value.message
    assert "http://chains.example:5000" in problem.value.message
    assert "hunter2" not in problem.value.message


def test_a_proxys_refusal_and_anothers_page_are_told_apart_from_the_apps(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Fault 3.10: what a proxy answers is not taken for the app's words."""
    server = HTTPServer(("127.0.0.1", 0), _Elsewhere)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        proxy = f"http://127.0.0.1:{server.server_port}"
        monkeypatch.setenv("http_proxy", proxy)
        with pytest.raises(Unavailable, match=f"no datanectar app, or .*{proxy}"):
            Client("http://chains.example:5000", retries=0).chains()
        with pytest.raises(DatanectarError, match=f"by way of the proxy {proxy}: HTTP 501"):
            Client("http://chains.example:5000", retries=0).post("a/b_chain/CTask")
    finally:
        server.shutdown()
        server.server_close()
        _Elsewhere.seen.clear()


def test_no_proxy_is_respected(monkeypatch: pytest.MonkeyPatch, behind_proxy: str) -> None:
    monkeypatch.setenv("no_proxy", "chains.invalid")

    with pytest.raises(Unavailable, match=r"app answers at http:..chains.invalid"):
        Client("http://chains.invalid", retries=0).chains()


class _Elsewhere(BaseHTTPRequestHandler):
    """Another server, such as the one that a presigned URL leads to."""

    seen: ClassVar[list[str | None]] = []

    def do_GET(self) -> None:
        self.seen.append(self.headers["Authorization"])
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"from elsewhere")

    def log_message(self, format: str, *arguments: Any) -> None:
        """Say nothing."""


def test_the_token_goes_to_no_other_server() -> None:
    server = HTTPServer(("127.0.0.1", 0), _Elsewhere)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        url = f"http://127.0.0.1:{server.server_port}/signed"
        client = Client("http://127.0.0.1:1", token="a-secret-of-ours")
        assert client.read({"key": "k", "resource_url": url}) == b"from elsewhere"
    finally:
        server.shutdown()
        server.server_close()

    assert _Elsewhere.seen == [None]
