"""What a receiver can do to who sends to it: nothing but answer."""

from __future__ import annotations

import socket
import ssl
import threading
from pathlib import Path

import pytest
import trustme

from datanectar.notifications.sending import http_post
from datanectar.notifications.sending.http_post import Answer, post
from tests.notifications.conftest import LOOPBACK
from tests.servers.processes import free_port
from tests.servers.receiver import Receiver, receiving


def send(url: str, networks: tuple[str, ...] = LOOPBACK) -> Answer:
    return post(url, {"Content-Type": "application/json"}, b'{"a": 1}', networks)


def test_a_receiver_gets_the_request_and_its_answer_is_kept(receiver: Receiver) -> None:
    answer = send(f"{receiver.url}/200?x=%C3%A4&y")
    assert answer == Answer(True, "answer 200", 200)
    (request,) = receiver.at("/200?x=%C3%A4&y")
    assert request.body == b'{"a": 1}'
    assert request.headers["host"] == receiver.url.removeprefix("http://")


@pytest.mark.parametrize("status", [400, 404, 410, 429, 500, 503])
def test_an_error_is_no_delivery(receiver: Receiver, status: int) -> None:
    assert send(f"{receiver.url}/{status}") == Answer(False, f"answer {status}", status)


def test_a_redirect_is_not_followed(receiver: Receiver) -> None:
    answer = send(f"{receiver.url}/redirect?{receiver.url}/200/secret")
    assert (answer.is_ok, answer.code) == (False, 302)
    assert "not followed" in answer.text
    assert not receiver.at("/200/secret")


@pytest.mark.parametrize("how", ["hang", "trickle"])
def test_the_time_limit_holds_for_all_of_it(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    monkeypatch.setattr(http_post, "SECONDS", 0.5)
    answer = send(f"{receiver.url}/{how}")
    assert (answer.is_ok, answer.code) == (False, None)
    assert "within 0.5 s" in answer.text


def test_of_gigabytes_the_beginning_is_read(receiver: Receiver) -> None:
    answer = send(f"{receiver.url}/huge")
    assert answer == Answer(True, "x" * 1000, 200)
    assert receiver.sent < 64 * 2**20


def test_what_is_gone_is_told(receiver: Receiver) -> None:
    answer = send(f"http://127.0.0.1:{free_port()}/")
    assert (answer.is_ok, answer.code, answer.text) == (False, None, "Connection refused")
    answer = send("http://no-such-host.invalid/")
    assert (answer.is_ok, answer.code) == (False, None)


def test_what_is_not_allowed_is_sent_nothing(receiver: Receiver) -> None:
    port = receiver.url.rpartition(":")[2]
    before = len(receiver.received)
    for host in ("127.0.0.1", "localhost", "2130706433"):
        answer = send(f"http://{host}:{port}/200", ())
        assert not answer.is_ok
        assert "DATANECTAR_WEBHOOK_NETWORKS" in answer.text
    assert len(receiver.received) == before


def test_what_is_no_http_is_told() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:

        def greet() -> None:
            connection, _ = server.accept()
            with connection:
                connection.recv(65536)
                connection.sendall(b"220 mail.example ESMTP\r\n")

        thread = threading.Thread(target=greet)
        thread.start()
        answer = send(f"http://127.0.0.1:{server.getsockname()[1]}/")
        thread.join()
    assert (answer.is_ok, answer.code) == (False, None)
    assert "220 mail.example" in answer.text


def test_tls_is_verified_with_the_certificates_of_the_system(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    authority, context = trustme.CA(), ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(context)
    with receiving(context) as receiver:
        by_name = receiver.url.replace("127.0.0.1", "localhost")
        assert "certificate verify failed" in send(f"{by_name}/200").text

        authority.cert_pem.write_to_path(tmp_path / "ca.pem")
        monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
        assert send(f"{by_name}/200").is_ok
        wrong_name = send(f"{receiver.url}/200")  # the certificate is for a name
        assert not wrong_name.is_ok and "certificate verify failed" in wrong_name.text
        assert [one.path for one in receiver.received] == ["/200"]
