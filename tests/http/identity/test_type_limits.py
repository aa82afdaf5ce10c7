"""A token that is limited to a type of chains: nothing of the others, by any route."""

from __future__ import annotations

import pytest
import requests

from tests.api.answers import data
from tests.http.identity.conftest import Guarded
from tests.servers.processes import wait_for


@pytest.fixture(scope="module")
def made(guarded: Guarded) -> dict[str, dict[str, str]]:
    """A run and a backfill of each type, by type."""
    found = {}
    for type in ("open", "shut"):
        run = data(guarded.ask("POST", f"/api/chains/{type}/a_chain/ATask?name=made", "admin"))
        wait_for(
            lambda run=run: data(
                guarded.ask("GET", f"/api/runs/{run['run_id']}", "admin")
            )["job_status"] == "DONE",
            "the run ends",
        )  # fmt: skip
        asked = {"task": f"{type}/a_chain/ATask", "over": {"name": ["made"]}}
        backfill = data(guarded.ask("POST", "/api/backfills", "admin", json=asked))
        found[type] = {"key": run["key"], "run": run["run_id"], "backfill": backfill["id"]}
    return found


READS = [
    "/api/chains/{type}",
    "/api/chains/{type}/a_chain",
    "/api/chains/{type}/a_chain/ATask",
    "/api/chains/{type}/a_chain/ATask/key",
    "/api/chains/{type}/ATask/key",
    "/api/chainstatus?chain={key}/out.txt",
    "/api/chainlog?chain={key}/out.txt",
    "/api/chainlog?chain={key}",
    "/api/chaingraph?chain={key}/out.txt",
    "/api/targets/{key}/out.txt",
    "/api/targets/{key}/params.txt",
    "/api/targets/{key}/log",
    "/api/runs/{run}",
    "/api/backfills/{backfill}",
    "/runs/{run}",
    "/runs/{run}/compare",
    "/runs/{run}/compare/{run}",
    "/backfills/{backfill}",
    "/chains/{type}/a_chain/ATask",
    "/chains/{type}/a_chain/ATask/grid",
    "/chains/{type}/a_chain/ATask/results",
    "/chains/{type}/a_chain",
    "/chains/{type}",
    "/results/{short}",
    "/tables/{key}/out.txt",
    "/pictures/{key}/out.txt",
    "/frames/{key}/out.txt",
]


@pytest.mark.parametrize("path", READS)
def test_what_is_of_another_type_is_not_there(
    guarded: Guarded, made: dict[str, dict[str, str]], path: str
) -> None:
    answers = {}
    for type in ("open", "shut"):
        values = {"type": type, "short": made[type]["key"].removeprefix("chains/"), **made[type]}
        answers[type] = guarded.ask("GET", path.format(**values), "limited")
    assert answers["shut"].status_code == 404, answers["shut"].text
    assert "limited is limited to chains of type open" in answers["shut"].text
    assert "limited to chains" not in answers["open"].text
    assert answers["open"].status_code < 500


@pytest.mark.parametrize("path", ["/runs/{run}/events", "/backfills/{backfill}/events", "/chains/{type}/events", "/api/chainlog?chain={key}"])  # fmt: skip
def test_no_stream_of_another_type_begins(
    guarded: Guarded, made: dict[str, dict[str, str]], path: str
) -> None:
    headers = {"Accept": "text/event-stream"}
    answer = guarded.ask(
        "GET", path.format(type="shut", **made["shut"]), "limited", headers=headers
    )
    assert answer.status_code == 404
    own = path.format(type="open", **made["open"])
    with guarded.ask("GET", own, "limited", headers=headers, stream=True) as stream:
        assert stream.status_code == 200


def test_a_run_is_not_compared_with_one_of_another_type(
    guarded: Guarded, made: dict[str, dict[str, str]]
) -> None:
    for one, other in (("open", "shut"), ("shut", "open")):
        path = f"/runs/{made[one]['run']}/compare/{made[other]['run']}"
        assert guarded.ask("GET", path, "limited").status_code == 404


def test_a_log_is_not_had_by_the_run_of_another_type(
    guarded: Guarded, made: dict[str, dict[str, str]]
) -> None:
    """The key is of the own type, the run is not, and the other way round."""
    for key, run in (("open", "shut"), ("shut", "open")):
        path = f"/api/chainlog?chain={made[key]['key']}&run={made[run]['run']}"
        assert guarded.ask("GET", path, "limited").status_code == 404


CHANGES = [
    ("POST", "/api/chains/{type}/a_chain/ATask?name=forbidden"),
    ("POST", "/api/chains/{type}/ATask?name=forbidden"),
    ("POST", "/chains/{type}/a_chain/ATask"),
    ("POST", "/chains/{type}/a_chain/ATask/key"),
    ("POST", "/chains/{type}/a_chain/ATask/grid"),
    ("POST", "/chains/{type}/a_chain/ATask/results"),
    ("POST", "/api/schedules/{type}/a_chain/ATask/pause"),
    ("POST", "/api/schedules/{type}/a_chain/ATask/resume"),
    ("DELETE", "/api/runs/{run}"),
    ("POST", "/api/runs/{run}/rerun"),
    ("POST", "/runs/{run}/cancel"),
    ("POST", "/runs/{run}/again"),
    ("POST", "/runs/{run}/rerun"),
    ("POST", "/runs/{run}/drop"),
    ("DELETE", "/api/targets/{key}"),
    ("DELETE", "/api/backfills/{backfill}"),
    ("POST", "/api/backfills/{backfill}/retry"),
    ("POST", "/backfills/{backfill}/cancel"),
    ("POST", "/backfills/{backfill}/retry"),
]


@pytest.mark.parametrize(("method", "path"), CHANGES)
def test_nothing_of_another_type_is_changed(
    guarded: Guarded, made: dict[str, dict[str, str]], method: str, path: str
) -> None:
    before = guarded.stack.store.active_counts()
    answer = guarded.ask(method, path.format(type="shut", **made["shut"]), "limited")
    assert answer.status_code == 404, answer.text
    assert guarded.stack.store.active_counts() == before


def test_a_backfill_names_its_task_in_its_body(guarded: Guarded) -> None:
    asked = {"task": "shut/a_chain/ATask", "over": {"name": ["x"]}}
    assert guarded.ask("POST", "/api/backfills", "limited", json=asked).status_code == 404
    short = {**asked, "task": "shut/ATask", "dry_run": True}
    assert guarded.ask("POST", "/api/backfills", "limited", json=short).status_code == 404
    form = {"task": "shut/a_chain/ATask", "values": "name=x"}
    page = guarded.ask("POST", "/backfills", "limited", data=form)
    assert page.status_code == 404


def test_no_run_of_another_type_is_among_many(
    guarded: Guarded, made: dict[str, dict[str, str]]
) -> None:
    for act in ("rerun", "cancel"):
        form = {"run": [made["open"]["run"], made["shut"]["run"]], "do": act, "sure": "yes"}
        assert guarded.ask("POST", "/history", "limited", data=form).status_code == 404


def test_lists_have_what_is_of_the_own_type_alone(
    guarded: Guarded, made: dict[str, dict[str, str]]
) -> None:
    lists = ("/", "/history", "/api/chains", "/api/runs", "/api/schedules", "/api/backfills",
             "/backfills", "/openapi.json", "/api/runs?type=shut", "/history?type=shut",
             "/api/runs?limit=1", "/history.csv")  # fmt: skip
    for path in lists:
        text = (
            guarded.ask("GET", path, "limited")
            .text.replace("type=shut", "")
            .replace('value="shut"', "")
            .replace(">type shut ", "")
        )
        assert "shut" not in text, path
        assert "a_chain" in text or "type=shut" in path, path
        everything = guarded.ask("GET", path, "admin").text
        assert "shut" in everything or "limit=1" in path, path
    runs = data(guarded.ask("GET", f"/api/runs?key={made['shut']['key']}", "limited"))
    assert runs["runs"] == []


def test_what_is_about_all_chains_is_closed(guarded: Guarded) -> None:
    answer = guarded.ask("GET", "/metrics", "limited")
    assert answer.status_code == 403
    assert guarded.ask("GET", "/metrics", "read").status_code == 200


def test_the_live_home_page_has_the_own_type_alone(
    guarded: Guarded, made: dict[str, dict[str, str]]
) -> None:
    headers = {"Authorization": f"Bearer {guarded.tokens['limited']}"}
    url = f"{guarded.stack.url}/events"
    with requests.get(url, headers=headers, stream=True, timeout=30) as stream:
        lines = stream.iter_lines(chunk_size=1)
        text = next(lines) + next(lines)
    assert b"parts" in text and made["shut"]["run"].encode() not in text


def test_every_route_is_known_to_the_limits(guarded: Guarded) -> None:
    """A route that nobody has thought of is closed; this says which those are."""
    from datanectar.http import auth
    from datanectar.http.identity import type_limits

    stray = type_limits.SIFTED - set(auth.ENDPOINT_SCOPES)
    assert stray == set()
