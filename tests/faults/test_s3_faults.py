"""S3 that answers badly, slowly or not at all while a run goes on."""

from __future__ import annotations

import uuid
from collections.abc import Iterator

import pytest

from tests.servers.evidence import FAULTY, Evidence
from tests.servers.http_proxy import Fault, Proxy, proxy_before
from tests.servers.s3 import S3Server
from tests.servers.stack import Stack


@pytest.fixture(scope="module")
def proxy(rclone_s3: S3Server) -> Iterator[Proxy]:
    with proxy_before(rclone_s3.endpoint) as proxy:
        yield proxy


@pytest.fixture(scope="module")
def environ(proxy: Proxy, rclone_s3: S3Server) -> dict[str, str]:
    return {
        "ENV": "test",
        "PROJECT_BUCKET": f"faults-{uuid.uuid4().hex[:12]}",
        "AWS_ENDPOINT_URL_S3": proxy.url,
        "AWS_ACCESS_KEY_ID": rclone_s3.access_key,
        "AWS_SECRET_ACCESS_KEY": rclone_s3.secret_key,
        "AWS_REGION": "us-east-1",
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_MAX_ATTEMPTS": "3",
    }


def log_of(stack: Stack, status: dict[str, object]) -> str:
    return stack.get(f"/api/chainlog?chain={status['key']}").text


@pytest.mark.parametrize(
    "fault",
    [
        Fault(500, "InternalError", times=2),
        Fault(503, "SlowDown", times=2),
        Fault(0, times=2),
        Fault(seconds=2.0, times=1),
        Fault(503, "SlowDown", times=1, name="params.txt"),
    ],
    ids=["500 twice", "503 twice", "reset twice", "slow", "503 for params.txt"],
)
def test_what_passes_is_ridden_out(stack: Stack, proxy: Proxy, fault: Fault) -> None:
    with proxy.failing(fault):
        status = stack.run(f"{FAULTY}/WorkTask", name=f"{fault.status}-{fault.times}-{fault.name}")

    assert (status["job_status"], status["attempts"]) == ("DONE", 1)
    assert proxy.hits == fault.times


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        (Fault(500, "InternalError"), "InternalError"),
        (Fault(503, "SlowDown"), "SlowDown"),
        (Fault(0), "Connection"),
        (Fault(400, "ExpiredToken"), "have ended: renew them"),
        (Fault(403, "AccessDenied"), "The credentials need s3:GetObject"),
        (Fault(403, "QuotaExceeded"), "QuotaExceeded"),
    ],
    ids=["500", "503", "reset", "expired", "denied", "full"],
)
def test_what_stays_fails_the_run_in_words_and_its_log_and_parameters_arrive(
    stack: Stack, proxy: Proxy, evidence: Evidence, fault: Fault, words: str
) -> None:
    name = f"stays-{fault.status}-{fault.code}"
    with proxy.failing(fault):
        status = stack.run(f"{FAULTY}/WorkTask", name=name)

    assert status["job_status"] == "FAILED"
    assert words in str(status["error"])
    assert "PutObject chains/faulty/faulty_chain/WorkTask/" in str(status["error"])
    assert words in log_of(stack, status)
    parameters = stack.get(f"/api/targets/{status['key']}/params.txt")
    assert name in parameters.text
    again = stack.run(f"{FAULTY}/WorkTask", name=name)
    assert again["job_status"] == "DONE"


def test_a_log_that_can_not_be_copied_costs_no_result(stack: Stack, proxy: Proxy) -> None:
    with proxy.failing(Fault(500, name="log")):
        status = stack.run(f"{FAULTY}/WorkTask", name="no-log")

    assert status["job_status"] == "DONE"
