"""``/api/backfills``: start, preview, list, one, cancel, try again; and what is refused."""

from __future__ import annotations

from typing import Any

import pytest
import requests

from tests.api.answers import data, refused
from tests.servers.stack import Stack

CHAIN = """import luigi

from datanectar import NectarTask


class MonthTask(NectarTask):
    month = luigi.MonthParameter()
    bad = luigi.MonthParameter(default=None)

    def run(self):
        if self.month == self.bad:
            raise ValueError("no rows")
        with self.output().open("w") as out:
            out.write(str(self.month))
"""
PLACE = "months/months_chain/MonthTask"


@pytest.fixture(scope="module", autouse=True)
def chain(stack: Stack) -> None:
    stack.chain("months/months_chain", CHAIN)


def post(stack: Stack, path: str = "", **fields: Any) -> requests.Response:
    return requests.post(f"{stack.url}/api/backfills{path}", json=fields, timeout=30)


def start(stack: Stack, months: str, **more: Any) -> dict[str, Any]:
    return dict(data(post(stack, task=PLACE, over={"month": months}, **more)))


def test_it_runs_what_is_missing_and_its_runs_belong_together(stack: Stack) -> None:
    stack.run(PLACE, month="2026-01")

    response = post(stack, task="months/MonthTask", over={"month": "2025-12..2026-02"})
    started = data(response)
    assert response.headers["Location"] == started["api_href"]
    assert (started["total"], started["counts"]["there_before"]) == (3, 1)
    ended = stack.client.backfills.wait(started["id"])

    assert (ended["status"], ended["progress"]) == ("DONE", 100)
    assert ended["counts"]["made"] == 2
    runs = requests.get(started["runs_url"], timeout=30).json()["data"]["runs"]
    assert [run["parameters"]["month"] for run in runs] == ["2026-02", "2025-12"]
    assert {run["trigger"] for run in runs} == {f"backfill {started['id']}"}
    listed = data(stack.get("/api/backfills?limit=1"))
    assert [one["id"] for one in listed["backfills"]] == [started["id"]]
    items = data(stack.get(f"/api/backfills/{started['id']}"))["items"]
    assert [(item["job_status"], item["there_before"]) for item in items] == [
        ("DONE", False),
        ("DONE", True),
        ("DONE", False),
    ]


def test_a_preview_starts_nothing(stack: Stack) -> None:
    plan = start(stack, "2024-01..2024-03", dry_run=True)
    assert (plan["total"], plan["missing"]) == (3, 3)
    assert plan["items"][0]["parameters"] == {"month": "2024-01"}
    runs = data(stack.get("/api/runs?param=month=2024-01"))["runs"]
    assert runs == []


def test_what_failed_is_named_and_tried_again(stack: Stack) -> None:
    started = start(stack, "2023-01..2023-02", parameters={"bad": "2023-01"})
    ended = stack.client.backfills.wait(started["id"])
    assert (ended["status"], ended["counts"]["made"]) == ("FAILED", 1)
    assert ["no rows" in item["error"] for item in ended["items"]] == [True]
    refused(requests.delete(started["api_href"], timeout=30), 409)

    again = data(post(stack, f"/{started['id']}/retry"))
    assert (again["status"], again["finished"]) == ("RUNNING", None)
    assert stack.client.backfills.wait(started["id"])["status"] == "FAILED"


def test_one_is_cancelled(stack: Stack) -> None:
    started = start(stack, "2000-01..2010-12", at_once=1)
    again = start(stack, "2000-01..2010-12", at_once=1)
    assert (again["id"], again["new"]) == (started["id"], False)

    requests.delete(started["api_href"], timeout=30).raise_for_status()
    ended = stack.client.backfills.wait(started["id"])

    assert ended["status"] == "CANCELLED"
    assert ended["counts"]["cancelled"] > 100
    assert data(requests.delete(started["api_href"], timeout=30))["status"] == "CANCELLED"


REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"over": {"month": "2026-01..2026-02"}}, "task"),
    ({"task": "months", "over": {"month": "2026-01"}}, "task"),
    ({"task": PLACE}, "over"),
    ({"task": PLACE, "over": {}}, "over"),
    ({"task": PLACE, "over": "month=2026-01"}, "over"),
    ({"task": PLACE, "over": {"month": "2026-01..2026-13"}}, "month"),
    ({"task": PLACE, "over": {"month": []}}, "month"),
    ({"task": PLACE, "over": {"month": None}}, "month"),
    ({"task": PLACE, "over": {"month": {"from": "2026-01"}}}, "month"),
    ({"task": PLACE, "over": {"year": "2026"}}, "year"),
    ({"task": PLACE, "over": {"bad": "2026-01"}}, "month"),
    ({"task": PLACE, "over": {"month": "0001-01..9999-12"}}, "month"),
    ({"task": PLACE, "over": {"month": "2026-01"}, "at_once": 0}, "at_once"),
    ({"task": PLACE, "over": {"month": "2026-01"}, "at_once": "many"}, "at_once"),
    ({"task": PLACE, "over": {"month": "2026-01"}, "dry_run": "perhaps"}, "dry_run"),
    ({"task": PLACE, "over": {"month": "2026-01"}, "parameters": []}, "parameters"),
    ({"task": PLACE, "over": {"month": "2026-01"}, "parameters": {"x": 1}}, "x"),
    ({"task": PLACE, "over": {"month": "2026-01"}, "speed": 1}, "speed"),
]


@pytest.mark.parametrize(("fields", "name"), REFUSED)
def test_what_is_wrong_is_named(stack: Stack, fields: dict[str, Any], name: str) -> None:
    response = post(stack, **fields)
    refused(response, 400)
    assert name in response.json()["data"]["fields"]


def test_what_is_not_there_is_not_found(stack: Stack) -> None:
    refused(post(stack, task="no/such_chain/ATask", over={"a": "1"}), 404)
    refused(post(stack, task="months/NoTask", over={"a": "1"}), 404)
    refused(stack.get("/api/backfills/nothing"), 404)
    refused(post(stack, "/nothing/retry"), 404)
    refused(requests.delete(f"{stack.url}/api/backfills/nothing", timeout=30), 404)
    refused(stack.get("/api/backfills?limit=0"), 400)
    refused(stack.get("/api/backfills?cursor=x"), 400)
    refused(stack.get("/api/backfills/nothing?items=some"), 400)
