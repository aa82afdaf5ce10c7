"""The same chains with ``ENV`` set: results, logs and parameters in the bucket, end to end."""

from __future__ import annotations

import json
import threading
import time
import urllib.request
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import psutil
import pytest
import requests
from botocore.config import Config

from tests.servers.bench import lines_of
from tests.servers.processes import descendants, wait_for
from tests.servers.s3 import S3Server
from tests.servers.stack import Stack, copy_catalogue

pytestmark = pytest.mark.slow

TALK = "luigi/talk_chain"


class Bucket:
    """The stack's bucket, seen by a client of the tests' own."""

    def __init__(self, server: S3Server, name: str) -> None:
        self.name = name
        self._client = boto3.client(
            "s3",
            endpoint_url=server.endpoint,
            aws_access_key_id=server.access_key,
            aws_secret_access_key=server.secret_key,
            region_name="us-east-1",
            config=Config(signature_version="s3v4", s3={"addressing_style": "path"}),
        )

    def read(self, key: object, name: str) -> str:
        """Return an object's text, or nothing when it is not there."""
        try:
            answer = self._client.get_object(Bucket=self.name, Key=f"{key}/{name}")
        except self._client.exceptions.NoSuchKey:
            return ""
        return str(answer["Body"].read().decode(errors="replace"))

    def names(self, key: object) -> list[str]:
        """Return the names of the objects under a key."""
        answer = self._client.list_objects_v2(Bucket=self.name, Prefix=f"{key}/")
        return sorted(item["Key"].rpartition("/")[2] for item in answer.get("Contents", []))

    def exists(self) -> bool:
        """Tell whether there is such a bucket."""
        return self.name in [b["Name"] for b in self._client.list_buckets()["Buckets"]]


@pytest.fixture(scope="module", params=["moto_s3", "rclone_s3"])
def server(request: pytest.FixtureRequest) -> S3Server:
    found: S3Server = request.getfixturevalue(request.param)
    return found


@pytest.fixture(scope="module")
def stack(server: S3Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A stack whose results go to a bucket that is not there yet."""
    stack = Stack(tmp_path_factory.mktemp("project"))
    stack.environ |= server.environ(
        PROJECT_BUCKET=f"made-{uuid.uuid4().hex[:8]}",
        DATANECTAR_LOG_SHIP_INTERVAL="0.2",
        DATANECTAR_MAX_ATTEMPTS="2",
    )
    copy_catalogue(stack.project)
    try:
        yield stack.start()
    finally:
        stack.close()


@pytest.fixture
def bucket(server: S3Server, stack: Stack) -> Bucket:
    return Bucket(server, stack.settings.bucket)


def fetch(url: str) -> str:
    """Fetch a URL as any plain program would, without credentials."""
    with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(url, timeout=30) as page:
        return str(page.read().decode())


def test_the_bucket_is_made_at_start(bucket: Bucket) -> None:
    assert bucket.name.startswith("test.made-")
    assert bucket.exists()


def test_result_log_and_parameters_lie_under_the_key_in_the_bucket(
    stack: Stack, bucket: Bucket, tmp_path: Path
) -> None:
    evidence = str(tmp_path / "evidence")
    status = stack.run("luigi/semantics_chain/DynamicTask", name="s3", evidence=evidence)

    key = status["key"]
    assert status["job_status"] == "DONE", status
    assert bucket.names(key) == ["log", "out.txt", "params.txt"]
    assert bucket.read(key, "out.txt") == "s3-1\ns3-2\ns3-3\n"
    assert "after the second round" in bucket.read(key, "log")
    assert json.loads(bucket.read(key, "params.txt")) == {"evidence": evidence, "name": "s3"}
    assert not (stack.project / "local_targets" / str(key)).exists()
    assert not list((stack.settings.state / "spool").glob("*"))


def test_the_results_url_is_presigned_and_any_program_can_fetch_it(stack: Stack) -> None:
    status = stack.run("basic/plain_chain/GreetTask", name="remote")

    url = str(status["resource_url"])
    assert "X-Amz-Signature=" in url
    assert "X-Amz-Algorithm=AWS4-HMAC-SHA256" in url
    assert fetch(url) == "hello remote\n"
    again = stack.post("basic/plain_chain/GreetTask?name=remote").json()["data"]
    assert (again["job_status"], again["expires_in"]) == ("DONE", 60)
    assert fetch(again["target_url"]) == "hello remote\n"


def test_the_log_is_in_the_bucket_while_the_task_runs(
    stack: Stack, bucket: Bucket, tmp_path: Path
) -> None:
    go = tmp_path / "go"
    key = stack.post(f"{TALK}/SlowTalkTask?name=live&go={go}").json()["data"]["key"]

    wait_for(lambda: "first line" in bucket.read(key, "log"), "the first line is in the bucket")
    assert "second line" not in bucket.read(key, "log")
    go.touch()

    assert stack.ended(key)["job_status"] == "DONE"
    assert "second line" in bucket.read(key, "log")
    assert bucket.names(key) == ["log", "out.txt", "params.txt"]


@pytest.mark.parametrize("end", ["raise", "kill"])
def test_the_log_of_a_task_that_fails_or_is_killed_is_in_the_bucket(
    stack: Stack, bucket: Bucket, tmp_path: Path, end: str
) -> None:
    go = tmp_path / "go"
    go.touch()

    status = stack.run(f"{TALK}/SlowTalkTask", name=end, go=str(go), end=end)

    assert status["job_status"] == "FAILED"
    log = bucket.read(status["key"], "log")
    assert "first line" in log and "second line" in log
    reason = "ValueError: as told" if end == "raise" else "the run's process was killed by SIGKILL"
    assert reason in log
    wait_for(lambda: not list((stack.settings.state / "spool").glob("*")), "the spool is empty")
    if end == "kill":
        assert "second line" in bucket.read(status["key"], "log.1")


def test_a_process_within_the_run_that_dies_has_its_log_in_the_bucket(
    stack: Stack, bucket: Bucket
) -> None:
    status = stack.run("bad/fail_chain/DieApartTask", how="segfault")

    log = bucket.read(status["failed_key"], "log")
    assert "dying by segfault" in log
    assert "killed by SIGSEGV" in log


@pytest.mark.parametrize("task", ["NeedsBadTask", "LoopInRequiresTask"])
def test_a_root_that_never_ran_has_the_runs_log_in_the_bucket(
    stack: Stack, bucket: Bucket, task: str
) -> None:
    first = stack.run(f"bad/fail_chain/{task}", name="x")
    status = stack.run(f"bad/fail_chain/{task}", name="x")

    assert status["job_status"] == "FAILED"
    assert status["run_id"] != first["run_id"]
    words = "ValueError: no good: x" if task == "NeedsBadTask" else "time limit of 1 s"
    wait_for(lambda: words in bucket.read(status["key"], "log"), "the reason is in the bucket", 10)
    assert words in bucket.read(status["key"], "log.1")


def test_a_dropped_result_is_made_again_and_its_first_log_is_kept(
    stack: Stack, bucket: Bucket, tmp_path: Path
) -> None:
    evidence = tmp_path / "evidence"
    options: dict[str, Any] = {"name": "dropped", "evidence": str(evidence)}
    key = stack.run("luigi/semantics_chain/LeafTask", **options)["key"]
    first = bucket.read(key, "log")

    answer = requests.delete(f"{stack.url}/api/targets/{key}", timeout=30)
    assert answer.status_code == 200, answer.text
    assert bucket.names(key) == ["log", "params.txt"]
    assert stack.run("luigi/semantics_chain/LeafTask", **options)["job_status"] == "DONE"

    assert bucket.names(key) == ["log", "log.1", "out.txt", "params.txt"]
    assert bucket.read(key, "log.1") == first
    assert lines_of(evidence) == ["begin dropped", "end dropped"] * 2


def test_a_local_task_stays_on_this_disk(stack: Stack, bucket: Bucket) -> None:
    stack.chain(
        "made/local_chain",
        "from datanectar import NectarLocalTask\nclass HereTask(NectarLocalTask):\n"
        "    def run(self):\n        print('here')\n        self.output().open('w').close()\n",
    )

    status = stack.run("made/local_chain/HereTask")

    assert status["job_status"] == "DONE"
    assert sorted(path.name for path in stack.file(str(status["key"])).parent.iterdir()) == [
        "log",
        "out.txt",
        "params.txt",
    ]
    assert bucket.names(status["key"]) == []


@pytest.mark.slow
def test_a_log_of_200_megabytes_costs_no_memory_on_its_way(
    stack: Stack, bucket: Bucket, server: S3Server
) -> None:
    if server.access_key == "testing":
        pytest.skip("moto keeps what it is given in memory")
    key = stack.post(f"{TALK}/FloodTask?megabytes=200").json()["data"]["key"]
    peak: dict[int, int] = {}
    ended = threading.Event()

    def sample() -> None:
        worker = stack.processes["worker"].pid
        while not ended.is_set():
            for pid in [worker, *descendants(worker)]:
                try:
                    rss = psutil.Process(pid).memory_info().rss
                except psutil.NoSuchProcess:
                    continue
                peak[pid] = max(peak.get(pid, 0), rss)
            time.sleep(0.05)

    sampling = threading.Thread(target=sample)
    sampling.start()
    status = stack.ended(key, 120)
    ended.set()
    sampling.join()

    assert status["job_status"] == "DONE"
    assert len(bucket.read(key, "log")) > 200 * 2**20
    assert max(peak.values()) < 180e6
    assert peak[stack.processes["worker"].pid] < 120e6
