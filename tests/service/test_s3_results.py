"""Results in S3 through the app's own addresses, and runs whose results are in other buckets."""

from __future__ import annotations

import uuid
from collections.abc import Iterator

import boto3
import pytest
import requests
from botocore.config import Config

from tests.api.answers import data, refused
from tests.servers.s3 import S3Server
from tests.servers.stack import Stack, copy_catalogue

pytestmark = pytest.mark.slow

OWN = """
import luigi
from luigi.contrib.s3 import S3Client, S3Target

class ExportTask(luigi.Task):
    url = luigi.Parameter()
    endpoint = luigi.Parameter(significant=False)
    def output(self):
        client = S3Client("{key}", "{secret}", endpoint_url=self.endpoint)
        return S3Target(self.url, client=client)
    def run(self):
        with self.output().open("w") as out:
            out.write("exported")
"""


@pytest.fixture(params=["moto_s3", "rclone_s3"])
def server(request: pytest.FixtureRequest) -> S3Server:
    found: S3Server = request.getfixturevalue(request.param)
    return found


@pytest.fixture
def stack(server: S3Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    stack = Stack(tmp_path_factory.mktemp("project"))
    stack.environ |= server.environ(
        PROJECT_BUCKET=f"made-{uuid.uuid4().hex[:8]}",
    )
    copy_catalogue(stack.project)
    try:
        yield stack.start()
    finally:
        stack.close()


def test_a_head_is_answered_here_and_what_is_not_there_is_404(stack: Stack) -> None:
    """Fault 2.11."""
    status = stack.run("basic/plain_chain/GreetTask", name="head")
    url = f"{stack.url}/api/targets/{status['key']}/out.txt"
    content = requests.get(url, timeout=30).content

    head = requests.head(url, timeout=30, allow_redirects=True)

    assert head.status_code == 200
    assert head.headers["Content-Length"] == str(len(content))
    assert head.headers["Content-Type"] == "text/plain; charset=utf-8"
    assert head.headers["ETag"]
    assert head.headers["Last-Modified"]
    tagged = {"If-None-Match": head.headers["ETag"]}
    assert requests.head(url, headers=tagged, timeout=30).status_code == 304
    part = requests.get(url, headers={"Range": "bytes=0-1"}, timeout=30)
    assert part.content == content[:2]
    gone = url.replace("out.txt", "other.txt")
    refused(requests.get(gone, timeout=30), 404)
    assert requests.head(gone, timeout=30).status_code == 404
    never = "chains/basic/plain_chain/GreetTask/" + "0" * 32
    refused(stack.get(f"/api/targets/{never}/out.txt"), 404)


def test_a_run_remembers_its_bucket(stack: Stack) -> None:
    """Fault 3.21: ``ENV`` changes, and what was made before is still found where it was put."""
    status = stack.run("basic/plain_chain/GreetTask", name="moved")
    local = stack.run("basic/plain_chain/GreetTask", name="again")
    content = stack.client.read(status)
    for name in ("web", "worker"):
        stack.stop(name)
    stack.environ["ENV"] = "local"
    stack.start_web()
    stack.start_worker()

    after = stack.status(str(status["key"]))

    assert after["job_status"] == "DONE"
    assert requests.get(str(after["resource_url"]), timeout=30).content == content
    assert stack.get(f"/runs/{status['run_id']}").status_code == 200
    assert stack.get("/api/chainlog", params={"chain": status["key"]}).status_code == 200
    made = stack.run("basic/plain_chain/GreetTask", name="again")
    assert made["run_id"] != local["run_id"]
    assert made["resource_url"] == f"{stack.url}/api/targets/{made['key']}/out.txt"
    dropped = requests.delete(f"{stack.url}/api/targets/{status['key']}", timeout=30)
    assert data(dropped)["dropped"] == ["out.txt"]


def test_another_environment_that_is_out_of_reach_breaks_nothing(stack: Stack) -> None:
    """Fault 3.21: in local mode without S3."""
    key = str(stack.run("basic/plain_chain/GreetTask", name="away")["key"])
    for name in ("web", "worker"):
        stack.stop(name)
    stack.environ |= {
        "ENV": "local",
        "AWS_ENDPOINT_URL_S3": "http://127.0.0.1:9",
        "AWS_MAX_ATTEMPTS": "1",
    }
    stack.start_web()
    stack.start_worker()

    status = stack.status(key)

    assert status["job_status"] == "UNKNOWN"
    assert "can't be read" in status["error"]
    made = stack.run("basic/plain_chain/GreetTask", name="away")
    assert (made["job_status"], made["key"]) == ("DONE", key)
    assert stack.client.read(made)
    assert data(requests.delete(f"{stack.url}/api/targets/{key}", timeout=30))["dropped"]


def test_the_object_of_a_plain_task_is_its_result(stack: Stack, server: S3Server) -> None:
    """Item 4: an ``S3Target`` in the bucket."""
    source = OWN.replace("{key}", server.access_key).replace("{secret}", server.secret_key)
    stack.chain("own/export_chain", source)
    url = f"s3://{stack.settings.bucket}/exports/a.txt"

    status = stack.run("own/export_chain/ExportTask", url=url, endpoint=server.endpoint)

    assert status["job_status"] == "DONE", status
    assert [result["name"] for result in status["results"]] == ["a.txt"]
    assert requests.get(str(status["resource_url"]), timeout=30).content == b"exported"
    assert stack.get(f"/api/targets/{status['key']}/a.txt").content == b"exported"
    assert stack.get(f"/api/targets/{status['key']}/params.txt").status_code == 200
    client = boto3.client(
        "s3",
        endpoint_url=server.endpoint,
        aws_access_key_id=server.access_key,
        aws_secret_access_key=server.secret_key,
        region_name="us-east-1",
        config=Config(signature_version="s3v4", s3={"addressing_style": "path"}),
    )
    client.delete_object(Bucket=stack.settings.bucket, Key="exports/a.txt")
    assert stack.status(str(status["key"]))["job_status"] == "UNKNOWN"
