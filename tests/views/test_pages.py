"""What every page answers with: its headers, its errors, who may press what, and how fast."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

import pytest
import requests
from playwright.sync_api import expect
from sqlalchemy import create_engine

from datanectar.runs.tables import runs
from tests.servers.processes import wait_for
from tests.servers.stack import Stack

HTML = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}
PAGES = ["/", "/history", "/docs", "/chains/basic/plain_chain/GreetTask", "/nowhere"]


def get(stack: Stack, path: str, **headers: str) -> requests.Response:
    return requests.get(f"{stack.url}{path}", headers={**HTML, **headers}, timeout=30)


@pytest.mark.parametrize("path", PAGES)
def test_a_page_allows_nothing_but_its_own_files(web: Stack, path: str) -> None:
    answer = get(web, path)
    policy = answer.headers["Content-Security-Policy"]
    assert policy.startswith("default-src 'none'; script-src 'self'; style-src 'self';")
    assert "unsafe" not in policy
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Referrer-Policy"] == "same-origin"
    assert not re.search(r"<script(?![^>]* src=)|<style|\son\w+=| style=", answer.text)
    assert not re.findall(r"(?:src|href)=\"(?:https?:)?//(?!127\.0\.0\.1)", answer.text)


def test_static_files_are_kept_until_they_change(web: Stack) -> None:
    address = re.findall(r'href="(/static/\w+/style.css)"', get(web, "/").text)[0]
    assert "max-age=31536000" in get(web, address).headers["Cache-Control"]
    assert "max-age" not in get(web, "/static/old/style.css").headers["Cache-Control"].replace(
        "max-age=0", ""
    )
    assert get(web, "/static/old/../../web.py").status_code == 404


def test_an_error_is_a_page_for_a_browser_and_the_envelope_for_a_program(web: Stack) -> None:
    page = get(web, "/runs/nosuchrun")
    assert page.status_code == 404
    assert "There is no run" in page.text
    assert page.headers["Content-Type"].startswith("text/html")
    for headers in ({}, {"Accept": "application/json"}, {"Accept": "*/*"}):
        answer = requests.get(f"{web.url}/runs/nosuchrun", headers=headers, timeout=30)
        assert answer.json()["status"] == 404
    assert get(web, "/api/runs/nosuchrun").json()["status"] == 404


def test_the_history_is_filtered_in_the_zone_that_the_form_names(stack: Stack) -> None:
    """Fault 2.12: a time without a zone of its own is one of the form's, else of UTC."""
    run = stack.client.post("basic/plain_chain/GreetTask", name="zoned")["run_id"]
    now = datetime.now(timezone.utc)

    def shown(zone: str, since: datetime) -> bool:
        query = urlencode({"since": since.strftime("%Y-%m-%dT%H:%M"), "zone": zone})
        answer = get(stack, f"/history?{query}")
        assert answer.status_code == 200
        return str(run) in answer.text

    for zone in ("Asia/Tokyo", "America/New_York", "UTC", ""):
        there = now.astimezone(ZoneInfo(zone or "UTC"))
        assert shown(zone, there - timedelta(minutes=5))
        assert not shown(zone, there + timedelta(minutes=5))
    page = get(stack, "/history?since=2026-01-01T00:00&zone=Asia/Tokyo").text
    assert "Since (<span data-zone>Asia/Tokyo</span>)" in page
    assert 'value="2026-01-01T00:00"' in page
    for zone in ("Nowhere/Atall", "../../etc/passwd", "/etc/passwd", "a" * 300):
        refused = get(stack, f"/history?since=2026-01-01T00:00&zone={zone}")
        assert refused.status_code == 400
        assert "a name such as Europe/Berlin" in refused.text


def test_times_are_the_readers_own_and_say_so(stack: Stack, open_page: Callable[..., Any]) -> None:
    """Fault 2.12: one zone per reader: the browser's, named at each time and field."""
    stack.run("basic/plain_chain/GreetTask", name="zoned")
    page = open_page(f"{stack.url}/history", timezone_id="Asia/Tokyo")

    title = page.locator("time").first.get_attribute("title")
    assert title.endswith(" Asia/Tokyo")
    told = datetime.fromisoformat(title.removesuffix(" Asia/Tokyo"))
    assert abs(datetime.now(ZoneInfo("Asia/Tokyo")).replace(tzinfo=None) - told) < timedelta(
        hours=1
    )
    field = page.get_by_label("Since (Asia/Tokyo)")
    field.fill((told - timedelta(minutes=1)).strftime("%Y-%m-%dT%H:%M"))
    page.get_by_role("button", name="Filter").click()
    page.wait_for_url("**zone=Asia**")
    assert page.locator("time").count() >= 1
    expect(page.get_by_label("Since (Asia/Tokyo)")).not_to_have_value("")


def test_a_run_with_private_values_is_not_run_again_without_them(stack: Stack) -> None:
    """Fault 4.5: they are gone with its end; a run with the default in their place is another one."""
    stack.chain(
        "fresh/private_chain",
        "import luigi\nfrom datanectar import NectarTask\n"
        "class LoginTask(NectarTask):\n"
        "    name = luigi.Parameter()\n"
        "    word = luigi.Parameter(default='', visibility=luigi.parameter.ParameterVisibility.PRIVATE)\n"
        "    def run(self):\n        self.output().open('w').close()\n",
    )
    run_id = stack.client.post("fresh/private_chain/LoginTask", name="ada", word="s3cret")["run_id"]
    done = wait_for(
        lambda: stack.get(f"/api/runs/{run_id}").json()["data"]["finished"], "it has ended"
    )
    assert done
    engine = create_engine(stack.settings.database_url)
    with engine.begin() as connection:
        connection.execute(
            runs.update().where(runs.c.id == run_id).values(given='["name", "word"]')
        )
    engine.dispose()

    page = requests.post(f"{stack.url}/runs/{run_id}/again", headers=HTML, timeout=30)

    assert page.status_code == 400
    assert "is private, so it was not kept; give it again" in page.text
    assert 'value="ada"' in page.text
    assert "s3cret" not in page.text


def test_an_unknown_path_is_answered_in_own_words(web: Stack) -> None:
    for answer in (get(web, "/nowhere"), get(web, "/api/nowhere")):
        assert answer.status_code == 404
        assert "There is nothing at" in answer.text and "nowhere" in answer.text
        assert "manually" not in answer.text


def test_another_sites_page_can_not_press_a_button(web: Stack) -> None:
    address = f"{web.url}/chains/basic/plain_chain/GreetTask"
    for headers in ({"Origin": "http://evil.example"}, {"Origin": "null"}):
        answer = requests.post(address, data={"name": "x"}, headers=headers, timeout=30)
        assert answer.status_code == 403
    assert requests.get(f"{web.url}/runs/x/cancel", timeout=30).status_code == 405


@pytest.mark.slow
def test_a_browser_gives_its_token_as_a_password_and_dropping_needs_the_most(
    tmp_path: Path,
) -> None:
    read, run, admin = (word * 5 for word in ("read", "runs", "admn"))
    stack = Stack(tmp_path, environ={"DATANECTAR_TOKENS": f"{read}:read {run}:run {admin}:admin"})
    stack.chain("t/a_chain", "from datanectar import NectarTask\nclass ATask(NectarTask): ...\n")
    stack.settings.state.mkdir(parents=True)
    try:
        stack.start_web()
        refused = get(stack, "/")
        assert (refused.status_code, refused.url) == (200, f"{stack.url}/login")
        assert requests.get(stack.url, auth=("", read), timeout=30).status_code == 200
        task = f"{stack.url}/chains/t/a_chain/ATask"
        assert requests.post(task, auth=("", read), timeout=30).status_code == 403
        started = requests.post(task, auth=("", run), timeout=30)
        assert (started.status_code, len(started.history)) == (200, 1)
        drop = f"{started.url}/drop"
        assert requests.post(drop, auth=("", run), timeout=30).status_code == 403
        sure = {"sure": "yes"}
        assert requests.post(drop, sure, auth=("", admin), timeout=30).status_code == 409
    finally:
        stack.close()


def test_the_pages_work_and_say_so_while_luigid_and_the_workers_are_away(web: Stack) -> None:
    home = get(web, "/").text
    assert "luigid can't be reached" in home.replace("&#39;", "'")
    assert "No worker is alive" in home
    started = requests.post(
        f"{web.url}/chains/basic/plain_chain/GreetTask", data={"name": "waits"}, timeout=30
    )
    assert "Waiting for a worker" in started.text
    assert "goes on when luigid is back" in started.text


def test_a_form_that_can_not_be_read_is_refused(web: Stack) -> None:
    kind = {"Content-Type": "multipart/form-data; boundary=x", **HTML}
    address = f"{web.url}/chains/basic/plain_chain/GreetTask"
    answer = requests.post(address, data=b"nonsense", headers=kind, timeout=30)
    assert (answer.status_code, "can&#39;t be read" in answer.text) == (400, True)


def test_an_open_page_says_when_the_service_is_gone_and_goes_on_when_it_is_back(
    tmp_path: Path, open_page: Callable[..., Any]
) -> None:
    stack = Stack(tmp_path)
    stack.settings.state.mkdir(parents=True)
    try:
        stack.start_web()
        page = open_page(stack.url)
        away = page.locator("#away")
        expect(away).to_be_hidden()
        stack.stop("web")
        expect(away).to_be_visible(timeout=20_000)
        stack.start_web()
        expect(away).to_be_hidden(timeout=20_000)
    finally:
        stack.close()


def test_a_project_without_chains_says_what_to_do(tmp_path: Path) -> None:
    stack = Stack(tmp_path)
    stack.settings.state.mkdir(parents=True)
    try:
        stack.start_web()
        assert "There is no chain yet" in get(stack, "/").text
        assert "Nothing has run yet" in get(stack, "/").text
        assert "Nothing has run yet" in get(stack, "/history").text
    finally:
        stack.close()


@pytest.mark.slow
def test_pages_stay_small_with_1000_chains_and_10000_runs(
    tmp_path: Path,
) -> None:
    stack = Stack(tmp_path)
    source = '"""What chain {0} is for."""\nfrom datanectar import NectarTask\n'
    source += 'class Number{0}Task(NectarTask):\n    """Makes number {0}."""\n'
    for number in range(1000):
        stack.chain(f"type{number % 20}/number{number:04}_chain", source.format(number))
    stack.settings.state.mkdir(parents=True)
    try:
        stack.start_web()
        _fill_history(stack, 10_000)
        wait_for(lambda: "being read" not in get(stack, "/").text, "the chains are known", 200)
        for path in ("/", "/?q=number+0999", "/chains/type3", "/history", "/history?task=0999t"):
            assert len(get(stack, path).content) < 100_000, path  # `benchmarks pages` has the times
        assert "Number999Task" in get(stack, "/?q=number+0999").text
        assert "1000 chains" in get(stack, "/").text
    finally:
        stack.close()


def _fill_history(stack: Stack, count: int) -> None:
    run_id = requests.post(
        f"{stack.url}/api/chains/type0/number0000_chain/Number0Task", timeout=60
    ).json()["data"]["run_id"]
    engine = create_engine(stack.settings.database_url)
    with engine.begin() as connection:
        row = dict(connection.execute(runs.select()).mappings().one())
        assert row["id"] == run_id
        row["status"] = "DONE"
        rows = [{**row, "id": f"0{number:025d}"} for number in range(count)]
        connection.execute(runs.insert(), rows)
    engine.dispose()
