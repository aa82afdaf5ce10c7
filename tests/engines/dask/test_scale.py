"""1,000 tasks of mixed size on three Dask workers, results in S3; one is killed and one is cut off."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import boto3
import pytest

from tests.servers.dask import DaskCluster
from tests.servers.hosts import Host, can_make_namespaces
from tests.servers.processes import wait_for
from tests.servers.s3 import S3Server
from tests.servers.stack import Stack

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

TASKS = 1000
PLACE = "made/many_chain"
#: Each task holds a lock while it runs, and fails when another process has it; a line each, in one
#: write, says when it begins and ends.
CHAIN = """
import fcntl, os, time
import luigi
from datanectar import NectarTask

class PartTask(NectarTask):
    engine = "dask"
    folder = luigi.Parameter()
    n = luigi.IntParameter()

    def note(self, word):
        book = os.open(self.folder + "/book", os.O_WRONLY | os.O_APPEND | os.O_CREAT)
        os.write(book, f"{word} {self.n}\\n".encode())
        os.close(book)

    def run(self):
        with open(f"{self.folder}/{self.n}.lock", "w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            self.note("begin")
            time.sleep(self.n % 10 / 50 if self.n % 100 else 3)
            self.save(f"{self.n}\\n" + "x" * (self.n % 7 * 10_000))
            self.note("end")

class WholeTask(NectarTask):
    folder = luigi.Parameter()
    tasks = luigi.IntParameter()

    def requires(self):
        return [PartTask(folder=self.folder, n=n) for n in range(self.tasks)]

    def run(self):
        self.save(str(sum(int(each.open().readline()) for each in self.input())))
"""


def test_the_books_balance(
    make_stack: Callable[..., Stack],
    make_cluster: Callable[..., DaskCluster],
    rclone_s3: S3Server,
    tmp_path: Path,
) -> None:
    environ = rclone_s3.environ()
    keys = {name: value for name, value in environ.items() if name.startswith("AWS_")}
    cluster = make_cluster(**keys)
    stack = make_stack(DATANECTAR_DASK_SCHEDULER=cluster.address, **environ)
    stack.chain(PLACE, CHAIN)
    book = tmp_path / "evidence" / "book"
    book.parent.mkdir()
    with closing(Host("carl", 87, stack, can_make_namespaces())) as host:
        cluster.host = "0.0.0.0"
        cluster.start("anna", "bert")
        _start_on(host, cluster, rclone_s3)
        stack.start_up()
        key = str(
            stack.client.post(f"{PLACE}/WholeTask", folder=str(book.parent), tasks=TASKS)["key"]
        )
        wait_for(lambda: _count(book)["end"] > TASKS // 10, "a tenth is done", 300)
        cluster.kill("bert")
        wait_for(lambda: _count(book)["end"] > TASKS // 5, "a fifth is done", 300)
        host.cut_off()
        cluster.start_worker("dora")

        status = stack.ended(key, 600)

        host.join()
    assert status["job_status"] == "DONE", status["error"]
    ends = Counter(line for line in book.read_text().splitlines() if line.startswith("end"))
    assert len(ends) == TASKS
    # What was begun again is what ran on the two workers that were lost, two places each.
    assert TASKS <= _count(book)["begin"] <= TASKS + 4
    assert _results(stack, environ) == TASKS + 1
    total = boto3_client(environ).get_object(Bucket=stack.settings.bucket, Key=f"{key}/out.txt")
    assert total["Body"].read() == str(sum(range(TASKS))).encode()


def _start_on(host: Host, cluster: DaskCluster, s3: S3Server) -> None:
    """Start a Dask worker on a host that reaches the scheduler and S3 by its link alone."""
    endpoint = {"AWS_ENDPOINT_URL_S3": host.through_link(s3.endpoint)}
    port = urlsplit(cluster.address).port
    address = (
        f"tcp://{host.address}:{port}" if host.namespace else host.through_link(cluster.address)
    )
    cluster.start_worker("carl", host.prefix, address, endpoint)


def _count(book: Path) -> Counter[str]:
    lines = book.read_text().splitlines() if book.exists() else []
    return Counter(line.partition(" ")[0] for line in lines)


def boto3_client(environ: dict[str, str]) -> Any:
    return boto3.client(
        "s3",
        endpoint_url=environ["AWS_ENDPOINT_URL_S3"],
        aws_access_key_id=environ["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=environ["AWS_SECRET_ACCESS_KEY"],
        region_name="us-east-1",
    )


def _results(stack: Stack, environ: dict[str, str]) -> int:
    """Return how many results there are in the bucket."""
    pages = boto3_client(environ).get_paginator("list_objects_v2")
    listed = pages.paginate(Bucket=stack.settings.bucket, Prefix="chains/made/")
    names = [each["Key"] for page in listed for each in page.get("Contents", ())]
    return sum(name.endswith("/out.txt") for name in names)
