from __future__ import annotations

from collections.abc import Callable

import pytest

from datanectar.keys import parse_target
from datanectar.settings import Settings
from datanectar.storage.s3 import S3Storage
from tests.servers.s3 import S3Server
from tests.shipped_chains.conftest import Project


@pytest.mark.parametrize(
    ("module", "task", "params", "begins"),
    [
        ("testchains.hello_luigiworld_chain", "DownstreamTask", {"seconds": "0"}, b"Hello, Luigi"),
        ("etl.bicycles_chain", "PlotTask", {"period": "2016-05-17"}, b"\x89PNG\r\n"),
        ("ds.diagnosis_chain", "ReportTask", {}, b"Model logistic, tested on 143 patients"),
        ("agg.bicycle_weeks_chain", "RankingTask", {"period": "2016-05-17"}, b"rank,counter"),
    ],
)
def test_the_same_chains_keep_their_results_in_the_bucket(
    rclone_s3: S3Server,
    s3_settings: Callable[..., Settings],
    project: Project,
    module: str,
    task: str,
    params: dict[str, str],
    begins: bytes,
) -> None:
    storage = S3Storage(s3_settings(rclone_s3))
    storage.prepare()
    built = project.build(module, task, **params)
    assert built.complete and built.target, built.log
    key, file = parse_target(built.target)
    assert file is not None
    assert b"".join(storage.read_chunks(key, file)).startswith(begins)
    assert project.results() == set()
    assert project.build(module, task, **params).started == []
