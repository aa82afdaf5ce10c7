from __future__ import annotations

import datetime
from collections.abc import Callable

import luigi
import pytest
from luigi.date_interval import Date

from chains.agg.bicycle_weeks_chain import RankingTask
from chains.ds.diagnosis_chain import ReportTask
from chains.etl.bicycles_chain import PlotTask
from chains.testchains.hello_luigiworld_chain import DownstreamTask
from datanectar import Result
from datanectar.settings import Settings
from datanectar.testing.project import Project
from tests.servers.s3 import S3Server

DAY = Date.from_date(datetime.date(2016, 5, 17))


@pytest.mark.parametrize(
    ("task", "begins"),
    [
        (DownstreamTask(seconds=0), b"Hello, Luigi"),
        (PlotTask(period=DAY), b"\x89PNG\r\n"),
        (ReportTask(), b"Model logistic, tested on 143 patients"),
        (RankingTask(period=DAY), b"rank,counter"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_the_same_chains_keep_their_results_in_the_bucket(
    rclone_s3: S3Server,
    nectar_project: Project,
    s3_settings: Callable[..., Settings],
    run_chain: Callable[..., Result],
    task: luigi.Task,
    begins: bytes,
) -> None:
    bucket = s3_settings(rclone_s3).bucket
    result = run_chain(task)
    assert result.read_bytes().startswith(begins)
    assert result.path.startswith(f"s3://{bucket}/{result.key}/")
    assert result.log
    assert nectar_project.results() == []
    assert run_chain(task).ran == []
