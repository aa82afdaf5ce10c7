"""``/api/webhooks`` on a real service: told of ends in the worker and in the web; no secret is shown again."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator

import pytest
import requests
from standardwebhooks import Webhook as Verifier

from datanectar.client.asynchronous import AsyncClient
from datanectar.errors import BadRequest, Conflict, NotFound
from tests.api.answers import data
from tests.servers.processes import run_async, wait_for
from tests.servers.receiver import Received, Receiver, receiving
from tests.servers.stack import Stack, copy_catalogue

CHAIN = """import luigi

from datanectar import NectarTask


class OkTask(NectarTask):
    name = luigi.Parameter()

    def run(self):
        if self.name == "fails":
            raise RuntimeError("no rows")
        with self.output().open("w") as out:
            out.write("made")
"""


@pytest.fixture(scope="module")
def receiver() -> Iterator[Receiver]:
    with receiving() as receiver:
        yield receiver


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    stack = Stack(tmp_path_factory.mktemp("hooks"))
    stack.environ |= {
        "DATANECTAR_WEBHOOK_NETWORKS": "127.0.0.0/8",
        "DATANECTAR_PUBLIC_URL": "https://data.example/dn",
    }
    copy_catalogue(stack.project)
    stack.chain("told/told_chain", CHAIN)
    stack.chain("other/other_chain", CHAIN)
    try:
        yield stack.start()
    finally:
        stack.close()


@pytest.fixture(autouse=True)
def no_webhooks(stack: Stack) -> Iterator[None]:
    yield
    for hook in stack.client.webhooks.list():
        stack.client.webhooks.remove(hook["name"])


def events(receiver: Receiver, path: str, count: int) -> list[dict[str, object]]:
    """Return so many events that have come for a path."""

    def come() -> list[Received]:
        found = receiver.at(path)
        return found if len(found) >= count else []

    wait_for(come, f"{count} at {path}")
    return [json.loads(request.body) for request in receiver.at(path)]


def test_it_is_told_of_each_end_that_it_asks_for_wherever_that_is(
    stack: Stack, receiver: Receiver
) -> None:
    url = f"{receiver.url}/204?ends"
    secret = stack.client.webhooks.add("ends", url, types=["told"])["secret"]
    done = stack.run("told/told_chain/OkTask", name="ends")
    failed = stack.run("told/told_chain/OkTask", name="fails")
    stack.run("other/other_chain/OkTask", name="of another type")

    found = events(receiver, "/204?ends", 2)

    by_status = {event["data"]["job_status"]: event for event in found}  # type: ignore[index]
    assert by_status["DONE"]["data"]["run_id"] == done["run_id"]  # type: ignore[index]
    assert "no rows" in by_status["FAILED"]["data"]["error"]  # type: ignore[index]
    assert by_status["FAILED"]["data"]["url"] == f"https://data.example/dn/runs/{failed['run_id']}"  # type: ignore[index]
    for request in receiver.at("/204?ends"):
        Verifier(secret).verify(request.body, request.headers)
    wait_for(
        lambda: stack.client.webhooks.get("ends")["counts"]["delivered"] == 2, "both are noted"
    )
    assert len(receiver.at("/204?ends")) == 2


def test_a_run_ends_at_once_whatever_its_receivers_do(stack: Stack, receiver: Receiver) -> None:
    for how in ("hang", "huge", "trickle", "500", "redirect?/200"):
        stack.client.webhooks.add(how[:4], f"{receiver.url}/{how}")
    stack.client.webhooks.add("gone", "http://127.0.0.1:1/")
    stack.client.webhooks.add("works", f"{receiver.url}/204?beside")

    runs = [stack.run("told/told_chain/OkTask", name=f"r{number}") for number in range(3)]

    assert [run["job_status"] for run in runs] == ["DONE"] * 3
    assert len(events(receiver, "/204?beside", 3)) == 3
    answers = {}

    def all_answered() -> bool:
        for name in ("500", "gone", "redi"):
            answers[name] = stack.client.webhooks.get(name)["deliveries"][0]
        return all(answer["answer"] for answer in answers.values())

    wait_for(all_answered, "the last answers are kept")
    assert {answer["status"] for answer in answers.values()} == {"WAITING"}
    assert answers["500"]["code"] == 500 and answers["500"]["next_try"]
    assert answers["gone"]["answer"] == "Connection refused"


def test_a_cancel_in_the_web_is_told(stack: Stack, receiver: Receiver) -> None:
    stack.client.webhooks.add("cancels", f"{receiver.url}/204?cancels", statuses=["CANCELLED"])
    stack.stop("worker")
    try:
        run_id = str(stack.client.post("told/told_chain/OkTask", name="waits")["run_id"])
        stack.client.cancel(run_id)
    finally:
        stack.start_worker()
    (event,) = events(receiver, "/204?cancels", 1)
    assert event["data"]["run_id"] == run_id  # type: ignore[index]


def test_a_test_is_sent_whatever_it_asks_for_and_its_answer_is_told(
    stack: Stack, receiver: Receiver
) -> None:
    stack.client.webhooks.add("good", f"{receiver.url}/200?test", types=["other"])
    stack.client.webhooks.add("bad", f"{receiver.url}/500?test")

    good, bad = (stack.client.webhooks.test(name, 30) for name in ("good", "bad"))

    assert (good["status"], good["code"], good["answer"]) == ("DELIVERED", 200, "answer 200")
    assert (bad["status"], bad["code"], bad["attempts"]) == ("WAITING", 500, 1)
    (event,) = events(receiver, "/200?test", 1)
    assert event["type"] == "datanectar.webhook.test"


def test_no_secret_is_shown_again_nor_written_to_a_log(stack: Stack, receiver: Receiver) -> None:
    url = f"{receiver.url}/500/pa55word?token=t0kenvalue"
    made = requests.post(
        f"{stack.url}/api/webhooks", json={"name": "secret", "url": url}, timeout=30
    )
    assert made.headers["Cache-Control"] == "no-store"
    secret = data(made)["secret"]
    assert data(made)["url"] == f"{receiver.url}/..."
    stack.client.webhooks.test("secret", 30)

    texts = [
        stack.get(path).text for path in ("/api/webhooks", "/api/webhooks/secret", "/webhooks")
    ]
    texts += [stack.output(name) for name in ("web", "worker")]
    for text in texts:
        assert "pa55word" not in text and "t0kenvalue" not in text and secret not in text
    assert "secret" in texts[0] and "<code>" in texts[2]


@pytest.mark.parametrize(
    ("raw", "fields"),
    [
        ({}, {"name", "url"}),
        ({"name": "a b", "url": "https://example.org"}, {"name"}),
        ({"name": "a", "url": "example.org"}, {"url"}),
        ({"name": "a", "url": "https://"}, {"url"}),
        ({"name": "a", "url": "https://u:p@example.org"}, {"url"}),
        ({"name": "a", "url": "https://example.org/a b"}, {"url"}),
        ({"name": "a", "url": "https://exämple.org/"}, {"url"}),
        ({"name": "a", "url": "https://example.org:99999/"}, {"url"}),
        ({"name": "a", "url": "nonsense://x"}, {"url"}),
        ({"name": "a", "url": "file:///etc/passwd"}, {"url"}),
        ({"name": "a", "url": "https://example.org", "secret": "short"}, {"secret"}),
        ({"name": "a", "url": "https://example.org", "events": ["run.begun"]}, {"events"}),
        ({"name": "a", "url": "https://example.org", "statuses": "RUNNING"}, {"statuses"}),
        ({"name": "a", "url": "https://example.org", "types": {"a": 1}}, {"types"}),
        ({"name": "a", "url": "https://example.org", "colour": "red"}, {"colour"}),
        ({"name": ["a"], "url": {"a": 1}, "tasks": [1]}, {"name", "url", "tasks"}),
    ],
)
def test_what_cant_be_a_webhook_is_refused_by_field(
    stack: Stack, raw: dict[str, object], fields: set[str]
) -> None:
    answer = requests.post(f"{stack.url}/api/webhooks", json=raw, timeout=30)
    assert answer.status_code == 400
    assert set(answer.json()["data"]["fields"]) == fields
    assert stack.client.webhooks.list() == []


def test_clients_add_list_and_remove(stack: Stack) -> None:
    secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
    made = stack.client.webhooks.add("a", "https://example.org/x", secret=secret, tasks=["B", "C"])
    assert (made["secret"], made["tasks"], made["events"]) == (secret, ["B", "C"], None)
    with pytest.raises(Conflict):
        stack.client.webhooks.add("a", "https://example.org/x")
    with pytest.raises(BadRequest):
        stack.client.webhooks.add("b", "x")

    async def remove() -> list[str]:
        async with AsyncClient(stack.url) as client:
            before = [hook["name"] for hook in await client.webhooks.list()]
            await client.webhooks.remove("a")
            return before

    assert run_async(remove()) == ["a"]
    hooks = stack.client.webhooks
    for call in (hooks.get, hooks.remove, hooks.test, hooks.retry):
        with pytest.raises(NotFound):
            call("a")


@pytest.fixture
def datanectar(stack: Stack) -> Callable[..., subprocess.CompletedProcess[str]]:
    def run(*words: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "datanectar", "webhook", *words]
        return subprocess.run(
            command, env=stack.environment, cwd=stack.project, capture_output=True, text=True
        )

    return run


def test_the_command_line_adds_tests_lists_and_removes(
    stack: Stack, receiver: Receiver, datanectar: Callable[..., subprocess.CompletedProcess[str]]
) -> None:
    added = datanectar(
        "add", "team", f"{receiver.url}/204?cli", "--status", "FAILED", "--status", "CANCELLED"
    )
    assert added.returncode == 0 and added.stdout.startswith("whsec_")
    assert stack.client.webhooks.get("team")["statuses"] == ["FAILED", "CANCELLED"]

    tried = datanectar("test", "team")
    assert (tried.returncode, tried.stdout) == (0, "DELIVERED 204\n")
    assert datanectar("retry", "team").stdout == "0 events are sent again.\n"
    listed = datanectar("list").stdout.split("\t")
    assert listed[:3] == ["team", f"{receiver.url}/...", "FAILED CANCELLED"]
    assert datanectar("remove", "team").stdout == "team is removed.\n"
    gone = datanectar("test", "team")
    assert gone.returncode == 2 and "no webhook called 'team'" in gone.stderr


def test_mail_goes_by_apprise(stack: Stack, receiver: Receiver) -> None:
    url = receiver.url.replace("http", "json", 1) + "/200?apprise"
    made = stack.client.webhooks.add("apprise", url)
    assert (made["secret"], made["url"]) == (None, "json://...")
    assert stack.client.webhooks.test("apprise", 60)["status"] == "DELIVERED"
    assert json.loads(receiver.received[-1].body)["title"] == "A test of the webhook apprise"
