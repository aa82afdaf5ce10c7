"""Health, readiness, metrics; and what goes on while a part is away."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from urllib.parse import urlsplit

import psycopg
from prometheus_client.parser import text_string_to_metric_families

from datanectar.settings import project_id
from tests.api.answers import data, enveloped, refused
from tests.servers.postgres import new_database
from tests.servers.processes import wait_for
from tests.servers.relay import Relay
from tests.servers.stack import Stack


def gauges(stack: Stack) -> dict[str, float]:
    text = stack.get("/metrics").text
    return {
        ".".join([sample.name, *sample.labels.values()]): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def test_a_whole_service_is_alive_and_ready(stack: Stack) -> None:
    alive = stack.get("/healthz")
    assert data(alive) == {"alive": True}
    assert alive.headers["Datanectar-Project"] == project_id(stack.project)
    parts = data(stack.get("/readyz"))
    looks = parts.pop("parts")
    assert parts == {"scheduler": True, "workers": 1, "store": True, "queue": True}
    assert looks.keys() == {"store", "queue", "luigid", "results", "disk"}
    assert all((look["ok"], look["reason"]) == (True, None) for look in looks.values())


def test_metrics_count_what_has_not_ended(stack: Stack) -> None:
    answer = stack.get("/metrics")

    assert answer.headers["Content-Type"].startswith("text/plain; version=0.0.4")
    told = gauges(stack)
    assert {name: told[name] for name in told if "errors_total" not in name} == {
        "datanectar_runs.PENDING": 0,
        "datanectar_runs.RUNNING": 0,
        "datanectar_engine_tasks.PENDING": 0,
        "datanectar_engine_tasks.RUNNING": 0,
        "datanectar_queue_messages": 0,
        "datanectar_queue_oldest_seconds": 0,
        "datanectar_workers": 1,
        "datanectar_workers_silent": 0,
        "datanectar_workers_lost_total": 0,
        "datanectar_luigid_up": 1,
    }


def test_posts_are_taken_while_luigid_is_away_and_run_when_it_is_back(
    make_stack: Callable[..., Stack],
) -> None:
    stack = make_stack().start()
    stack.stop("luigid")

    def is_away() -> bool:
        return data(stack.get("/readyz"))["scheduler"] is False

    wait_for(is_away, "luigid's absence is noticed")
    body = data(stack.post("basic/plain_chain/GreetTask?name=patient"))

    def is_held_up() -> bool:
        status = stack.status(body["key"])
        assert status["job_status"] in ("PENDING", "RUNNING"), status
        return (status["job_status"], status["scheduler"]) == ("RUNNING", "unreachable")

    wait_for(is_held_up, "the status says so")
    assert gauges(stack)["datanectar_luigid_up"] == 0
    stack.start_luigid()
    assert stack.ended(body["key"])["job_status"] == "DONE"


def test_readyz_answers_while_parts_take_questions_and_say_nothing(
    make_stack: Callable[..., Stack], postgres_url: str
) -> None:
    with new_database(postgres_url) as url:
        address = urlsplit(url)
        database = Relay("127.0.0.1", address.port or 5432)
        there = address.netloc.replace(f":{address.port}", f":{database.port}")
        stack = make_stack(DATANECTAR_DATABASE_URL=address._replace(netloc=there).geturl())
        luigid = Relay("127.0.0.1", stack.luigid_port)
        stack.environ["DATANECTAR_LUIGID_URL"] = luigid.url
        try:
            stack.settings.state.mkdir(parents=True)
            stack.start_web()
            assert data(stack.get("/readyz"))["store"] is True

            luigid.thaw()
            for relay in (database, luigid):
                relay.freeze()
            for _ in range(3):  # one look at a time hangs, however often it is asked
                body = enveloped(stack.get("/readyz"))
                looks = body["data"]["parts"]
                assert body["status"] == 503
                assert (
                    looks["store"]["reason"] == looks["queue"]["reason"] == "no answer within 2 s"
                )
                assert not looks["luigid"]["ok"]
                assert looks["disk"]["ok"] and looks["results"]["ok"]
            assert data(stack.get("/healthz")) == {"alive": True}

            database.thaw()
            wait_for(lambda: stack.get("/readyz").status_code == 200, "it is ready again")
        finally:
            for relay in (database, luigid):
                relay.close()


def test_a_disk_that_takes_no_files_is_told(make_stack: Callable[..., Stack]) -> None:
    stack = make_stack()
    stack.settings.state.mkdir(parents=True)
    stack.start_web()
    shutil.rmtree(stack.project / "local_targets", ignore_errors=True)
    (stack.project / "local_targets").write_text("no folder")

    parts = data(stack.get("/readyz"))["parts"]
    assert not parts["results"]["ok"] and "/" not in parts["results"]["reason"]
    assert parts["disk"]["ok"]


def test_a_service_whose_store_is_away_is_alive_and_not_ready(
    make_stack: Callable[..., Stack], postgres_url: str
) -> None:
    with new_database(postgres_url) as url:
        stack = make_stack(DATANECTAR_DATABASE_URL=url)
        stack.settings.state.mkdir(parents=True)
        stack.start_web()
        key = data(stack.post("basic/plain_chain/GreetTask?name=stored"))["key"]
        assert data(stack.get("/readyz"))["store"] is True
        name = urlsplit(url).path.strip("/")
        with psycopg.connect(postgres_url, autocommit=True) as server:
            server.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS false")
            server.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", [name]
            )

            body = enveloped(stack.get("/readyz"))
            assert (body["status"], body["data"]["store"], body["data"]["queue"]) == (
                503,
                False,
                False,
            )
            assert body["message"] == "The run store or the queue can't be reached."
            assert data(stack.get("/healthz")) == {"alive": True}
            assert data(stack.get("/api/chains/basic/plain_chain"))["error"] is None
            refused(stack.post("basic/plain_chain/GreetTask?name=refused"), 503)
            refused(stack.get("/api/chainstatus", params={"chain": key}), 503)
            refused(stack.get("/api/runs"), 503)
            refused(stack.get("/metrics"), 503)

            server.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS true")
        wait_for(lambda: stack.get("/readyz").status_code == 200, "it is ready again")
        assert stack.status(key)["job_status"] == "PENDING"
        runs = data(stack.get("/api/runs"))["runs"]
        assert [run["parameters"]["name"] for run in runs] == ["stored"]
