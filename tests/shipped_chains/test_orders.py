"""The orders chain: a small cluster of its own, and a cluster with results in S3."""

from __future__ import annotations

import random
import shutil
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import boto3
import pytest

from datanectar.messages import Outcome
from datanectar.statuses import DONE
from tests.servers.bench import Bench
from tests.servers.dask import DaskCluster
from tests.servers.s3 import S3Server
from tests.shipped_chains.conftest import CHAINS

pandas = pytest.importorskip("pandas")
pytest.importorskip("dask.dataframe")

PLACE = "ds/orders_chain/CityTotalsTask"
CUSTOMERS, ORDERS = 20, 50


def expected() -> Counter[tuple[str, int]]:
    """Return the totals, added up by other means."""
    cities = ("Aachen", "Bremen", "Coburg", "Dresden", "Erfurt")
    totals: Counter[tuple[str, int]] = Counter()
    for month in range(1, 13):
        chance = random.Random(month)
        for _ in range(ORDERS):
            customer, cents = chance.randrange(CUSTOMERS), chance.randrange(100, 10_000)
            totals[cities[customer % 5], month] += cents
    return totals


def totals_of(folder: Path) -> Counter[tuple[str, int]]:
    frame = pandas.concat(pandas.read_parquet(part) for part in sorted(folder.rglob("*.parquet")))
    assert not frame.duplicated(["city", "month"]).any()
    return Counter({(row.city, row.month): row.cents for row in frame.itertuples()})


def run(bench: Bench) -> str:
    target = bench.stack.project / "code" / "chains" / "ds"
    shutil.copytree(CHAINS / "ds", target, dirs_exist_ok=True)
    ran = bench.run(PLACE, customers=CUSTOMERS, orders=ORDERS)
    assert ran.outcome == Outcome(DONE), ran.outcome and ran.outcome.traceback
    return ran.key


def test_on_a_laptop_it_runs_without_a_setting(make_bench: Callable[..., Bench]) -> None:
    bench = make_bench().start()

    key = run(bench)

    assert totals_of(bench.settings.local_targets / key) == expected()


def test_a_cluster_reads_from_s3_and_the_result_goes_there(
    make_bench: Callable[..., Bench],
    make_cluster: Callable[..., DaskCluster],
    rclone_s3: S3Server,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    """Every task runs at the cluster, whose workers alone have the keys of S3 besides this host."""
    environ = rclone_s3.environ(DATANECTAR_ENGINE="dask")
    keys = {name: value for name, value in environ.items() if name.startswith("AWS_")}
    for name, value in keys.items():
        monkeypatch.setenv(name, value)
    cluster = make_cluster(**keys).start("anna", "bert")
    bench = make_bench(DATANECTAR_DASK_SCHEDULER=cluster.address, **environ).start()
    client = s3_client(environ)
    client.create_bucket(Bucket=bench.settings.bucket)

    key = run(bench)

    listed = client.list_objects_v2(Bucket=bench.settings.bucket, Prefix=key)["Contents"]
    for name in [each["Key"] for each in listed if each["Key"].endswith(".parquet")]:
        client.download_file(bench.settings.bucket, name, str(tmp_path / Path(name).name))
    assert totals_of(tmp_path) == expected()
    assert (
        "Worker"
        in client.get_object(Bucket=bench.settings.bucket, Key=f"{key}/log")["Body"].read().decode()
    )


def s3_client(environ: dict[str, str]) -> Any:
    return boto3.client(
        "s3",
        endpoint_url=environ["AWS_ENDPOINT_URL_S3"],
        aws_access_key_id=environ["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=environ["AWS_SECRET_ACCESS_KEY"],
        region_name="us-east-1",
    )
