"""More at once than there is room for: what is accepted runs, the rest is told when to come again."""

from __future__ import annotations

import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import psutil
import pytest
import requests

from datanectar.runs.store import RunStore
from tests.servers.evidence import FAULTY
from tests.servers.processes import PATIENCE, wait_for
from tests.servers.stack import Stack

POSTS, CLIENTS, ROOM = 500, 32, 100
#: Bytes that a process may grow by in a burst: threads' stacks and SQLite's caches, once.
_SLACK = 40 << 20


@pytest.fixture(scope="module")
def environ() -> dict[str, str]:
    return {"DATANECTAR_MAX_QUEUED": str(ROOM), "DATANECTAR_HEARTBEAT_TIMEOUT": "20"}


def memory(stack: Stack, part: str) -> int:
    """Bytes in use by a part's own processes: the web is gunicorn's master and its worker."""
    top = psutil.Process(stack.processes[part].pid)
    own = [top, *top.children()]
    return sum(process.memory_info().rss for process in own)


def burst(stack: Stack, name: str) -> Counter[int]:
    """POST it all, CLIENTS at a time; return how often each HTTP status came."""
    local = threading.local()

    def post(number: int) -> int:
        session = local.__dict__.setdefault("session", requests.Session())
        answer = session.post(
            f"{stack.url}/api/chains/{FAULTY}/WorkTask?name={name}-{number}", timeout=PATIENCE
        )
        if answer.status_code == 429:
            assert int(answer.headers["Retry-After"]) > 0
            assert "DATANECTAR_MAX_QUEUED" in answer.json()["message"]
        return int(answer.status_code)

    with ThreadPoolExecutor(CLIENTS) as clients:
        return Counter(clients.map(post, range(POSTS)))


@pytest.mark.slow
def test_what_is_accepted_runs_and_what_is_refused_knows_when_to_come_again(stack: Stack) -> None:
    store = RunStore(stack.settings.database_url)
    burst(stack, "warm")
    wait_for(lambda: not sum(store.active_counts().values()), "the first burst ends")
    before = {part: memory(stack, part) for part in ("web", "worker")}

    answers = burst(stack, "load")
    wait_for(lambda: not sum(store.active_counts().values()), "all runs end")

    accepted = answers[200]
    assert set(answers) <= {200, 429}
    assert accepted >= ROOM
    # 32 clients who ask for different things: a run an answer.
    ends = Counter(run["job_status"] for run in _all_runs(stack)[:accepted])
    assert ends == {"DONE": accepted}
    assert len(list((stack.project / "local_targets").rglob("out.txt"))) >= accepted
    for part, bytes_before in before.items():
        assert memory(stack, part) - bytes_before < _SLACK, part


def _all_runs(stack: Stack) -> list[dict[str, str]]:
    runs: list[dict[str, str]] = []
    cursor = None
    while True:
        asked = {"limit": 100, **({"cursor": cursor} if cursor else {})}
        page = stack.get("/api/runs", params=asked).json()["data"]
        runs += page["runs"]
        cursor = page["next_cursor"]
        if not cursor:
            return runs
