"""What tasks wait for, in words."""

from __future__ import annotations

import pytest

from datanectar.engines.dask.needs import missing

SMALL = {"resources": {"cpus": 2, "memory": 4e9}}
LARGE = {"resources": {"cpus": 16, "memory": 64e9}}


@pytest.mark.parametrize(
    ("needed", "workers", "words"),
    [
        ({}, [{}], None),
        ({"cpus": 4}, [SMALL, LARGE], None),
        ({"cpus": 2, "memory": 5e9}, [SMALL, LARGE], None),
        ({}, [], "a Dask worker: the cluster has none"),
        ({"cpus": 4}, [], "a Dask worker with cpus 4: the cluster has no worker"),
        ({"gpu": 1}, [SMALL], "a Dask worker with gpu 1; the most that one has is gpu 0"),
        (
            {"cpus": 4, "memory": 16e9},
            [SMALL],
            "a Dask worker with cpus 4, memory 16 GB; the most that one has is cpus 2, memory 4 GB",
        ),
    ],
)
def test_a_task_waits_for_what_no_worker_has_at_all(
    needed: dict[str, float], workers: list[dict[str, object]], words: str | None
) -> None:
    assert missing(needed, workers) == words
