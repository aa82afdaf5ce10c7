"""What the run's scheduler client keeps and takes over."""

from __future__ import annotations

import json

import pytest

from datanectar.rpc.scheduler import RunScheduler
from datanectar.statuses import DISABLED, FAILED


def test_a_task_that_waits_for_its_retry_elsewhere_has_not_failed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    scheduler = RunScheduler("http://127.0.0.1:9", lambda _: None, 1.0)
    graph = {"waits": {"status": FAILED}, "failed": {"status": DISABLED}}
    monkeypatch.setattr(scheduler, "dep_graph", lambda **_: graph)
    monkeypatch.setattr(scheduler, "fetch_error", lambda **_: {"error": json.dumps("why")})

    scheduler.merge_luigids_statuses("root")

    assert scheduler.tasks.errors == {"failed": "why"}
