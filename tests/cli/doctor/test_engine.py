"""``datanectar doctor`` and a Dask cluster."""

from __future__ import annotations

from pathlib import Path

from datanectar.cli.doctor.engine import check_engine
from datanectar.settings import load
from tests.servers.dask import DaskCluster
from tests.servers.processes import free_port


def check(project: Path, **environ: str) -> list[tuple[str, str]]:
    settings = load({"DATANECTAR_PROJECT": str(project), **environ})
    return [(found.level, found.message) for found in check_engine(settings)]


def test_there_is_nothing_to_say_where_tasks_run_in_processes(tmp_path: Path) -> None:
    assert check(tmp_path) == []


def test_a_cluster_that_responds_is_told_of_with_its_places(
    tmp_path: Path, cluster: DaskCluster
) -> None:
    found = check(tmp_path, DATANECTAR_DASK_SCHEDULER=cluster.address)

    assert found == [("ok", f"{cluster.address}: 2 workers, 4 tasks at a time")]


def test_a_scheduler_that_is_not_there_is_a_failure(tmp_path: Path) -> None:
    address = f"tcp://127.0.0.1:{free_port()}"

    ((level, message),) = check(tmp_path, DATANECTAR_DASK_SCHEDULER=address)

    assert level == "FAIL"
    assert f"Dask's scheduler at {address} can't be reached" in message
