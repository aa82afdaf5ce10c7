"""Several worker hosts, one luigid, one PostgreSQL, one S3; the queue in PostgreSQL or in Redis."""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
import requests

from datanectar.luigid.launch import CONFIGURATION
from datanectar.runs.records import Run
from datanectar.runs.store import RunStore
from tests.servers.evidence import FAULTY, Evidence
from tests.servers.hosts import Host, can_make_namespaces
from tests.servers.postgres import new_database
from tests.servers.processes import PATIENCE, descendants, wait_for
from tests.servers.s3 import S3Server
from tests.servers.stack import Stack, copy_catalogue

pytestmark = pytest.mark.slow

HEARTBEAT_TIMEOUT = 3.0


@dataclass
class Site:
    """The hosts and what they share."""

    stack: Stack
    hosts: dict[str, Host]
    evidence: Evidence
    store: RunStore

    def post(self, task: str, **parameters: object) -> dict[str, object]:
        return self.stack.client.post(f"{FAULTY}/{task}", **parameters)

    def run_of(self, accepted: dict[str, object]) -> Run:
        run = self.store.get(str(accepted["run_id"]))
        assert run is not None
        return run

    def begun(self, name: str, times: int = 1) -> None:
        wait_for(lambda: len(self.evidence.starts(name)) >= times, f"{name} began {times} times")

    def host_of(self, accepted: dict[str, object]) -> Host:
        owner = str(self.run_of(accepted).owner)
        return next(host for name, host in self.hosts.items() if owner.startswith(f"{name}-"))

    def result(self, status: dict[str, object]) -> str:
        response = requests.get(str(status["resource_url"]), timeout=PATIENCE)
        response.raise_for_status()
        return response.text


@pytest.fixture(scope="module")
def site(
    request: pytest.FixtureRequest,
    tmp_path_factory: pytest.TempPathFactory,
    postgres_url: str,
    rclone_s3: S3Server,
) -> Iterator[Site]:
    folder = tmp_path_factory.mktemp("hosts")
    evidence = Evidence(folder / "evidence")
    evidence.folder.mkdir()
    with new_database(postgres_url) as database:
        queue = (
            request.getfixturevalue("redis_url")
            if getattr(request, "param", "") == "redis"
            else database
        )
        environ = {
            "ENV": "test",
            "PROJECT_BUCKET": f"hosts-{uuid.uuid4().hex[:12]}",
            "AWS_ENDPOINT_URL_S3": rclone_s3.endpoint,
            "AWS_ACCESS_KEY_ID": rclone_s3.access_key,
            "AWS_SECRET_ACCESS_KEY": rclone_s3.secret_key,
            "AWS_REGION": "us-east-1",
            "AWS_EC2_METADATA_DISABLED": "true",
            "DATANECTAR_DATABASE_URL": database,
            "DATANECTAR_QUEUE_URL": queue,
            "DATANECTAR_HEARTBEAT_TIMEOUT": str(HEARTBEAT_TIMEOUT),
            "DATANECTAR_WORKERS": "1",
            "DATANECTAR_GRACE": "1",
            "FAULTS_EVIDENCE": str(evidence.folder),
        }
        stack = Stack(folder / "project", environ=environ)
        copy_catalogue(stack.project)
        namespaces = can_make_namespaces()
        hosts: dict[str, Host] = {}
        try:
            stack.start_plain_luigid(CONFIGURATION)  # which hosts share
            stack.start_web()
            for number, name in enumerate(("east", "west"), 1):
                hosts[name] = Host(name, number, stack, namespaces)
                hosts[name].start()
            yield Site(stack, hosts, evidence, RunStore(database))
        finally:
            stack.close()
            for host in hosts.values():
                host.close()


#: With Redis too, what hangs on the queue; the rest is a matter of the run store.
with_each_queue = pytest.mark.parametrize("site", ["postgresql", "redis"], indirect=True)


@with_each_queue
def test_hosts_share_the_work(site: Site) -> None:
    runs = [site.post("WorkTask", name=f"shared-{n}", seconds=0.5) for n in range(6)]

    assert {site.stack.ended(str(run["key"]))["job_status"] for run in runs} == {"DONE"}
    assert {site.host_of(run).name for run in runs} == {"east", "west"}


def test_a_wide_run_is_spread_over_hosts(site: Site) -> None:
    status = site.stack.run("wide/wide_chain/WideTask", name="spread")

    assert status["job_status"] == "DONE"
    # A host does one thing at a time here: two processes are two hosts.
    assert len(site.result(status).split()) == 2


def test_a_run_on_any_host_is_cancelled_within_five_seconds(site: Site) -> None:
    running = [site.post("WorkTask", name=f"cancel-{n}", seconds=60) for n in range(2)]
    site.begun("WorkTask_cancel", times=2)
    assert {site.host_of(run).name for run in running} == {"east", "west"}

    began = time.monotonic()
    for run in running:
        requests.delete(f"{site.stack.url}/api/runs/{run['run_id']}", timeout=PATIENCE)
    ends = {site.stack.ended(str(run["key"]))["job_status"] for run in running}

    assert ends == {"CANCELLED"}
    assert time.monotonic() - began < 5
    luigid = site.stack.luigid
    assert not luigid.call("task_list", status="RUNNING", upstream_status="")


def test_runs_of_a_killed_host_are_taken_up_by_another_within_the_timeout(site: Site) -> None:
    run = site.post("WorkTask", name="bereft", seconds=2)
    site.begun("WorkTask_bereft")
    lost = site.host_of(run)
    below = descendants(site.stack.processes[lost.name].pid)

    site.stack.kill(lost.name)
    killed = time.monotonic()
    site.begun("WorkTask_bereft", times=2)
    taken_up = time.monotonic() - killed
    status = site.stack.ended(str(run["key"]))

    assert below
    assert (status["job_status"], status["attempts"]) == ("DONE", 2)
    assert site.host_of(run) is not lost
    # The sweep comes every 2 s, and the run has to begin.
    assert taken_up < HEARTBEAT_TIMEOUT + 2 + 3
    assert site.evidence.overlapping() == []
    lost.start()


def test_a_host_that_was_cut_off_comes_back_and_overwrites_nothing(site: Site) -> None:
    run = site.post("WorkTask", name="severed", seconds=12)
    site.begun("WorkTask_severed")
    lost = site.host_of(run)

    lost.cut_off()
    try:
        site.begun("WorkTask_severed", times=2)
        successor = site.run_of(run)
    finally:
        lost.join()
    status = site.stack.ended(str(run["key"]))

    assert successor.owner is not None
    assert not successor.owner.startswith(f"{lost.name}-")
    assert (status["job_status"], status["attempts"]) == ("DONE", 2)
    assert site.run_of(run).owner == successor.owner
    assert site.evidence.overlapping() == []
    log = site.stack.get(f"/api/chainlog?chain={status['key']}").text
    assert "killed" not in log
    # It works again.
    again = [site.post("WorkTask", name=f"rejoined-{n}", seconds=1) for n in range(4)]
    assert {site.stack.ended(str(one["key"]))["job_status"] for one in again} == {"DONE"}
    assert lost.name in {site.host_of(one).name for one in again}


@with_each_queue
def test_the_store_goes_away_for_longer_than_a_lease_and_nothing_is_lost(site: Site) -> None:
    database = site.stack.environ["DATANECTAR_DATABASE_URL"]
    runs = [site.post("WorkTask", name=f"storeless-{n}", seconds=4) for n in range(3)]
    site.begun("WorkTask_storeless", times=2)
    relays = [host.relay_to(database) for host in site.hosts.values()]

    for relay in relays:
        relay.refuse()
    time.sleep(2 * HEARTBEAT_TIMEOUT)
    for relay in relays:
        relay.admit()

    ends = [site.stack.ended(str(run["key"])) for run in runs]
    assert {end["job_status"] for end in ends} == {"DONE"}
    # An outage of the store is no fault of the runs'.
    assert all(site.run_of(run).losses <= 1 for run in runs)
    assert site.evidence.overlapping() == []


def test_what_is_scheduled_fires_once_however_many_hosts_look_at_the_clock(site: Site) -> None:
    def fires() -> list[str]:
        lines = [line for name in site.hosts for line in site.stack.output(name).splitlines()]
        return [line for line in lines if "EveryMinuteTask is due" in line]

    wait_for(fires, "the schedule fires", 75)
    minutes = [line[:16] for line in fires()]  # 2026-01-01 06:00
    assert len(minutes) == len(set(minutes))
    runs = requests.get(
        f"{site.stack.url}/api/runs", params={"task": "EveryMinuteTask"}, timeout=PATIENCE
    ).json()["data"]["runs"]
    assert [run["trigger"] for run in runs] == ["schedule"]
