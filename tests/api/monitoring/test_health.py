"""Health, readiness, metrics; and what goes on while a part is away."""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import urlsplit

import psycopg
from prometheus_client.parser import text_string_to_metric_families

from datanectar.settings import project_id
from tests.api.answers import data, enveloped, refused
from tests.servers.postgres import new_database
from tests.servers.processes import wait_for
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
    assert parts == {"scheduler": True, "workers": 1, "store": True, "queue": True}


def test_metrics_count_what_has_not_ended(stack: Stack) -> None:
    answer = stack.get("/metrics")

    assert answer.headers["Content-Type"].startswith("text/plain; version=0.0.4")
    assert gauges(stack) == {
        "datanectar_runs.PENDING": 0,
        "datanectar_runs.RUNNING": 0,
        "datanectar_engine_tasks.PENDING": 0,
        "datanectar_engine_tasks.RUNNING": 0,
        "datanectar_queue_messages": 0,
        "datanectar_queue_oldest_seconds": 0,
        "datanectar_workers": 1,
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
