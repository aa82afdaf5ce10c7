"""Logging in by a browser: what the session is, what ends it, and how it is attacked."""

from __future__ import annotations

import pytest
import requests

from tests.api.answers import data
from tests.http.identity.conftest import HTML, PASSWORD, Guarded, csrf
from tests.servers.processes import wait_for

TASK = "/chains/open/a_chain/ATask"


def cookie(browser: requests.Session) -> str:
    return "; ".join(f"{item.name}={item.value}" for item in browser.cookies)


def test_a_browser_without_a_session_is_sent_to_the_login_and_back(guarded: Guarded) -> None:
    sent = guarded.ask("GET", "/history?status=DONE", headers=HTML)
    assert sent.status_code == 303
    assert sent.headers["Location"] == "/login?next=/history?status%3DDONE"
    assert guarded.ask("GET", "/api/runs", headers=HTML).status_code == 401
    assert guarded.ask("POST", TASK, headers=HTML).status_code == 401

    browser, answer = guarded.browser(name="ann", password=PASSWORD, next="/history?status=DONE")

    assert (answer.status_code, answer.headers["Location"]) == (303, "/history?status=DONE")
    page = browser.get(f"{guarded.stack.url}/history?status=DONE", timeout=30)
    assert page.status_code == 200 and "may do everything" in page.text
    set_cookie = answer.headers["Set-Cookie"]
    assert "HttpOnly" in set_cookie and "SameSite=Lax" in set_cookie
    assert PASSWORD not in set_cookie


def test_a_token_opens_a_session_that_ends_when_it_is_revoked(guarded: Guarded) -> None:
    browser, answer = guarded.browser(token=guarded.new("short-lived", "read"))
    url = f"{guarded.stack.url}/api/whoami"
    assert answer.status_code == 303
    assert data(browser.get(url, timeout=30))["name"] == "short-lived"

    guarded.accounts.store.revoke("short-lived", "token")

    assert browser.get(url, timeout=30).status_code == 401


@pytest.mark.parametrize(
    "secret",
    [
        {"token": "wrong"},
        {"name": "ann", "password": "wrong"},
        {"name": "nobody", "password": PASSWORD},
        {"name": "read", "password": ""},
        {},
    ],
)
def test_a_wrong_login_says_no_more_than_that(guarded: Guarded, secret: dict[str, str]) -> None:
    browser, answer = guarded.browser(**secret)
    assert answer.status_code == 401
    assert "unknown" in answer.text or "There is no such user, or" in answer.text
    assert browser.get(f"{guarded.stack.url}/api/whoami", timeout=30).status_code == 401


def test_a_change_needs_the_token_of_a_page_of_the_same_session(guarded: Guarded) -> None:
    """CSRF: a form of another site, another session's token, and none."""
    browser, _ = guarded.browser(name="ann", password=PASSWORD)
    other, _ = guarded.browser(name="ann", password=PASSWORD)
    url = f"{guarded.stack.url}{TASK}"
    own = csrf(browser.get(url, timeout=30).text)
    others = csrf(other.get(url, timeout=30).text)
    assert own and others and own != others

    for wrong in ("", "x", others, own[:-1]):
        answer = browser.post(url, {"name": "forged", "csrf-token": wrong}, timeout=30)
        assert answer.status_code == 403
    api = f"{guarded.stack.url}/api{TASK}?name=forged"
    assert browser.post(api, timeout=30).status_code == 403
    assert browser.post(f"{api}&csrf-token={own}", timeout=30).status_code == 403
    foreign = {"Origin": "https://evil.example"}
    sent = {"name": "forged", "csrf-token": own}
    assert browser.post(url, sent, headers=foreign, timeout=30).status_code == 403
    assert guarded.stack.store.list_runs(_named("forged"), cursor=None, limit=1)[0] == []

    started = browser.post(url, {"name": "meant", "csrf-token": own}, timeout=30)
    assert started.status_code == 200 and "by ann" in started.text
    header = {"X-CSRF-Token": own}
    run = data(browser.post(api.replace("forged", "meant2"), headers=header, timeout=30))
    record = guarded.ask("GET", f"/api/runs/{run['run_id']}", "read")
    assert data(record)["requested_by"] == "ann"


def _named(name: str):  # type: ignore[no-untyped-def]
    from datanectar.runs.store import RunFilters

    return RunFilters(param={"name": name})


def test_a_login_form_of_another_site_logs_nobody_in(guarded: Guarded) -> None:
    """Login CSRF: without the token of our own page, also with the right password."""
    for form in ({}, {"csrf-token": "guess"}):
        sent = {"name": "ann", "password": PASSWORD, **form}
        answer = requests.post(f"{guarded.stack.url}/login", sent, timeout=30)
        assert answer.status_code == 403


def test_a_session_begins_anew_with_the_login(guarded: Guarded) -> None:
    """Session fixation: the cookie from before the login is good for nothing afterwards."""
    browser = requests.Session()
    browser.headers.update(HTML)
    login = f"{guarded.stack.url}/login"
    token = csrf(browser.get(login, timeout=30).text)
    before = cookie(browser)
    sent = {"name": "ann", "password": PASSWORD, "csrf-token": token}
    browser.post(login, sent, timeout=30)
    after = cookie(browser)

    whoami = f"{guarded.stack.url}/api/whoami"
    assert before != after
    assert requests.get(whoami, headers={"Cookie": before}, timeout=30).status_code == 401
    assert requests.get(whoami, headers={"Cookie": after}, timeout=30).status_code == 200
    # A second login ends the first one's session.
    again = csrf(browser.get(f"{guarded.stack.url}/login", timeout=30).text)
    assert again != token
    browser.post(login, {**sent, "csrf-token": again}, timeout=30)
    assert requests.get(whoami, headers={"Cookie": after}, timeout=30).status_code == 401


def test_logging_out_ends_the_session_and_not_only_the_cookie(guarded: Guarded) -> None:
    browser, _ = guarded.browser(name="ann", password=PASSWORD)
    stolen = {"Cookie": cookie(browser)}
    whoami, out = f"{guarded.stack.url}/api/whoami", f"{guarded.stack.url}/logout"
    page = browser.get(guarded.stack.url, timeout=30)
    assert "Log out" in page.text
    assert browser.post(out, timeout=30).status_code == 403  # no page of ours asks
    assert requests.get(whoami, headers=stolen, timeout=30).status_code == 200

    browser.post(out, {"csrf-token": csrf(page.text)}, timeout=30)

    assert requests.get(whoami, headers=stolen, timeout=30).status_code == 401


def test_a_cookie_that_was_changed_is_none(guarded: Guarded) -> None:
    browser, _ = guarded.browser(name="ron", password=PASSWORD)
    name, _, value = cookie(browser).partition("=")
    for forged in (value[:-2] + "xx", "x" + value, value.replace(".", "", 1), ""):
        headers = {"Cookie": f"{name}={forged}"}
        assert guarded.ask("GET", "/api/whoami", headers=headers).status_code == 401


@pytest.mark.parametrize(
    "place",
    [
        "//evil.example", "/\\evil.example", "https://evil.example", "javascript:alert(1)",
        "evil.example", "/\t/evil.example", "\\\\evil.example", "/%0d%0aX: y\r\nX: y", " //evil",
    ],
)  # fmt: skip
def test_the_login_leads_to_places_of_this_app_alone(guarded: Guarded, place: str) -> None:
    """Open redirect."""
    _, answer = guarded.browser(name="ann", password=PASSWORD, next=place)
    assert (answer.status_code, answer.headers["Location"]) == (303, "/")


def test_a_token_in_the_address_is_none(guarded: Guarded) -> None:
    token = guarded.tokens["admin"]
    for query in (f"token={token}", f"access_token={token}", f"csrf-token={token}"):
        assert guarded.ask("GET", f"/api/runs?{query}").status_code == 401


def test_who_may_only_look_sees_no_button(guarded: Guarded) -> None:
    started = guarded.ask("POST", "/api/chains/open/a_chain/ATask?name=seen", "run")
    run_id = data(started)["run_id"]
    wait_for(
        lambda: data(guarded.ask("GET", f"/api/runs/{run_id}", "read"))["job_status"] == "DONE",
        "the run ends",
    )
    ron, _ = guarded.browser(name="ron", password=PASSWORD)
    ann, _ = guarded.browser(name="ann", password=PASSWORD)
    for path, word in (
        (TASK, 'type="submit">Run<'),
        (f"/runs/{run_id}", "Make again"),
        ("/backfills", ">Start<"),
    ):
        url = f"{guarded.stack.url}{path}"
        looks, does = ron.get(url, timeout=30).text, ann.get(url, timeout=30).text
        assert word in does and word not in looks
        forms = [part for part in looks.split("<form")[1:] if 'method="post"' in part[:300]]
        assert all("/logout" in form[:300] or TASK in form[:300] for form in forms), path
        assert "may look" in looks


def test_every_form_that_changes_something_has_the_token() -> None:
    import re
    from pathlib import Path

    import datanectar

    templates = Path(datanectar.__file__).parent / "templates"
    forms = [
        (file.name, found[0])
        for file in templates.glob("*.html")
        for found in re.finditer(r'<form[^\n]*?method="post".*?</form>', file.read_text(), re.S)
    ]
    assert len(forms) > 8
    assert [name for name, form in forms if "csrf()" not in form] == []
