"""Apprise, to a real mail server and a real HTTP receiver; in its process it can do no more than send."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from email import message_from_bytes, policy
from typing import Any

import pytest
from aiosmtpd.controller import Controller

from datanectar.notifications.occasions import trial
from datanectar.notifications.records import Event
from datanectar.notifications.sending import apprise_child, apprise_post
from datanectar.notifications.sending.apprise_post import check, send, without_secrets
from datanectar.settings import load
from tests.servers.processes import free_port
from tests.servers.receiver import Receiver

OPEN = load({"DATANECTAR_WEBHOOK_NETWORKS": "127.0.0.0/8"})
CLOSED = load({})
FAILURE = Event(
    "1",
    "run.ended",
    "etl/day_chain/ReportTask",
    0.0,
    "/runs/1",
    {"job_status": "FAILED", "error": "no rows für <b>", "parameters": {"day": "2026-01-02"}},
)
PAGE = "https://data.example/runs/1"


class Mailbox:
    """What a mail server has taken."""

    def __init__(self) -> None:
        self.mails: list[Any] = []

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        self.mails.append(message_from_bytes(envelope.content, policy=policy.default))
        return "250 OK"


@pytest.fixture(scope="module")
def mail_server() -> Iterator[tuple[Mailbox, int]]:
    mailbox, port = Mailbox(), free_port()
    controller = Controller(mailbox, hostname="127.0.0.1", port=port)
    controller.start()
    yield mailbox, port
    controller.stop()


def test_a_mail_says_what_failed_why_and_where_to_look(mail_server: tuple[Mailbox, int]) -> None:
    mailbox, port = mail_server
    url = f"mailto://127.0.0.1:{port}?from=app@data.example&to=ada@data.example&mode=insecure"

    assert send(url, FAILURE, PAGE, OPEN).is_ok

    (mail,) = mailbox.mails
    assert mail["To"] == "ada@data.example"
    assert mail["Subject"] == "FAILED: etl/day_chain/ReportTask"
    text = mail.get_body(("plain",)).get_content()
    assert text.split() == ["no", "rows", "für", "<b>", "day=2026-01-02", PAGE]


def test_other_services_get_the_same_words(receiver: Receiver) -> None:
    url = receiver.url.replace("http", "json", 1) + "/200"
    before = len(receiver.received)
    assert send(url, FAILURE, PAGE, OPEN).is_ok
    assert send(url, trial("team", "ada"), PAGE, OPEN).is_ok
    first, second = (json.loads(request.body) for request in receiver.received[before:])
    assert (first["title"], first["type"]) == ("FAILED: etl/day_chain/ReportTask", "failure")
    assert (second["title"], second["type"]) == ("A test of the webhook team", "info")


def test_a_private_address_is_refused(receiver: Receiver) -> None:
    before = len(receiver.received)
    url = receiver.url.replace("http", "json", 1)
    assert not send(f"{url}/200", FAILURE, PAGE, CLOSED).is_ok
    assert len(receiver.received) == before


def test_what_refuses_is_told_without_the_secrets_of_the_url(receiver: Receiver) -> None:
    url = receiver.url.replace("http://", "json://ada:pa55word@") + "/500?x=y"
    answer = send(url, FAILURE, PAGE, OPEN)
    assert not answer.is_ok and answer.text
    assert "pa55word" not in answer.text
    words = "can't reach 127.0.0.1 as ada with pa55word"
    assert "pa55word" not in without_secrets(words, url)


def test_one_that_hangs_is_ended(receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(apprise_child, "SECONDS", -3)  # of the process that waits: 2 s in all
    url = receiver.url.replace("http", "json", 1) + "/hang?rto=60"
    answer = send(url, FAILURE, PAGE, OPEN)
    assert not answer.is_ok and "TimeoutExpired" in answer.text


@pytest.mark.parametrize("url", ["nonsense://x", "mailto://", "json://"])
def test_a_url_that_apprise_does_not_know_is_told(url: str) -> None:
    assert not check(url, OPEN).is_ok
    assert apprise_post.is_installed()


def test_it_starts_no_programs_and_reaches_no_local_socket() -> None:
    program = (
        "import os, socket, subprocess;"
        "from datanectar.notifications.sending.apprise_child import _confine; _confine([])\n"
        "for call in (lambda: os.system('true'), lambda: subprocess.run(['true']),"
        " lambda: socket.socket(socket.AF_UNIX).connect('/tmp/x'),"
        " lambda: socket.create_connection(('127.0.0.1', 9)),"
        " lambda: socket.create_connection(('169.254.169.254', 80))):\n"
        "    try: call()\n"
        "    except PermissionError as problem: print('refused')\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.stdout.split() == ["refused"] * 5, done.stderr
