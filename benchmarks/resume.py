"""Resuming a chain whose tasks are all there but the root, with S3 some milliseconds away."""

from __future__ import annotations

import os
import time
from contextlib import closing
from unittest.mock import patch
from urllib.parse import urlsplit

from benchmarks.report import Figure
from benchmarks.stack import Caller, await_end, new_name, project
from tests.servers.relay import Relay
from tests.servers.s3 import rclone_server


def measure(leaves: int = 1000, delay_ms: int = 20) -> list[Figure]:
    """Make the chain near S3, drop the root's result, and run it again far from S3.

    The floor asks for as many results one after another over one kept connection, and no more.
    """
    with project() as stack, rclone_server(stack.project / "s3") as s3:
        far = Relay("127.0.0.1", urlsplit(s3.endpoint).port or 0, delay_ms / 1000)
        with closing(far):
            stack.environ |= s3.environ()
            stack.start()
            name = new_name()
            caller = Caller(stack)
            key = caller.post("FanTask", name=name, leaves=leaves)
            await_end(caller, key)
            caller.call("DELETE", f"/api/targets/{key}")
            stack.stop("worker")
            stack.start_worker("far worker", AWS_ENDPOINT_URL_S3=far.url)
            far.requests = 0
            began = time.perf_counter()
            caller.post("FanTask", name=name, leaves=leaves)
            await_end(caller, key)
            seconds, asked = time.perf_counter() - began, far.requests
            heads = _head_each(far.url, stack.environ, leaves)
    return [
        Figure("resume", f"{leaves:,} tasks there, root missing, S3 {delay_ms} ms away",
               seconds, "s", 1, "boto3, a HEAD per task", heads),
        Figure("resume", "requests to S3", asked, "requests"),
    ]  # fmt: skip


def _head_each(endpoint: str, environ: dict[str, str], count: int) -> float:
    """Return how many seconds it takes to ask for so many objects, one after another."""
    import boto3

    with patch.dict(os.environ, {**environ, "AWS_ENDPOINT_URL_S3": endpoint}):
        client = boto3.client("s3")
        bucket = f"{environ['ENV']}.{environ['PROJECT_BUCKET']}"
        listed = client.list_objects_v2(Bucket=bucket, MaxKeys=1)["Contents"]
        began = time.perf_counter()
        for _ in range(count):
            client.head_object(Bucket=bucket, Key=listed[0]["Key"])
        return time.perf_counter() - began
