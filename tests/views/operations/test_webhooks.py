"""The page of webhooks in a browser: add, see what was answered, test, remove."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from datanectar.notifications.records import GIVEN_UP
from datanectar.notifications.store import WebhookStore
from tests.servers.stack import Stack


@pytest.fixture(autouse=True)
def no_webhooks(web: Stack) -> Iterator[None]:
    yield
    for hook in web.client.webhooks.list():
        web.client.webhooks.remove(hook["name"])


def test_one_is_added_and_its_secret_shown_once(web: Stack, open_page: Callable[..., Any]) -> None:
    page = open_page(f"{web.url}/webhooks")
    page.get_by_text("There is none yet.").wait_for()
    page.get_by_label("Name").fill("team")
    page.get_by_label("URL").fill("https://example.org/hooks/pa55word")
    page.get_by_label("FAILED").check()
    page.get_by_label("Tasks").fill("ReportTask, OtherTask")
    page.get_by_role("button", name="Add").click()

    secret = page.locator("#secret").inner_text()
    assert secret.startswith("whsec_")
    page.goto(f"{web.url}/webhooks")
    assert page.get_by_role("heading", name="team").is_visible()
    assert secret not in page.content() and "pa55word" not in page.content()
    (hook,) = web.client.webhooks.list()
    assert (hook["statuses"], hook["tasks"]) == (["FAILED"], ["ReportTask", "OtherTask"])
    assert hook["events"] is None


def test_what_is_wrong_is_told_and_what_was_typed_stays(
    web: Stack, open_page: Callable[..., Any]
) -> None:
    page = open_page(f"{web.url}/webhooks")
    page.get_by_label("Name").fill("team")
    page.get_by_label("URL").fill("example.org")
    page.get_by_label("run.ended").check()
    page.get_by_role("button", name="Add").click()

    assert "url: required: https://" in page.get_by_role("alert").inner_text()
    assert page.get_by_label("Name").input_value() == "team"
    assert page.get_by_label("run.ended").is_checked()
    assert web.client.webhooks.list() == []


def test_answers_show_without_a_reload_and_it_can_be_tried_and_removed(
    web: Stack, open_page: Callable[..., Any]
) -> None:
    web.client.webhooks.add("team", "https://example.org/")
    page = open_page(f"{web.url}/webhooks")
    page.get_by_role("button", name="Test team").click()
    row = page.locator("tbody tr")
    row.get_by_text("waiting").wait_for()

    store = WebhookStore(web.store.database)  # as a worker would
    claimed = store.claim("team", 60)
    assert claimed is not None
    store.settle(claimed, GIVEN_UP, 418, "I'm a <teapot>")
    row.get_by_text("given up").wait_for()
    assert "418 I'm a <teapot>" in row.inner_text()

    page.get_by_role("button", name="Send again what was given up for team").click()
    row.get_by_text("waiting").wait_for()
    assert [one["status"] for one in web.client.webhooks.get("team")["deliveries"]] == ["WAITING"]

    page.get_by_role("button", name="Remove team").click()
    page.get_by_role("dialog").get_by_role("button", name="Remove the webhook").click()
    page.get_by_text("There is none yet.").wait_for()
    assert web.client.webhooks.list() == []
