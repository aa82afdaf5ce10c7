"""``datanectar purge`` and ``pin`` as a person calls them, with results on the disk and in buckets."""

from __future__ import annotations

import json
import os
import subprocess
import time
from pathlib import Path

import boto3
import pytest
from botocore.config import Config

from datanectar.database import Database
from datanectar.retention.store import RetentionStore
from datanectar.settings import sqlite_url
from tests.cli.command_line import in_project
from tests.retention.conftest import CHAIN, DAY
from tests.servers.s3 import S3Server

MD5 = "0123456789abcdef0123456789abcdef"
LOAD = f"chains/etl/sales_chain/LoadTask/{MD5}"
CLEAN = f"chains/etl/sales_chain/CleanTask/{MD5}"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    chain = tmp_path / "code" / "chains" / "etl" / "sales_chain.py"
    chain.parent.mkdir(parents=True)
    chain.write_text(CHAIN)
    return tmp_path


def make(project: Path, key: str, days: float) -> Path:
    stamp = time.time() - days * DAY
    folder = project / "local_targets" / key
    folder.mkdir(parents=True)
    for name in ("log", "out.txt", "params.txt"):
        (folder / name).write_text("0123456789")
        os.utime(folder / name, (stamp, stamp))
    return folder


def purge(project: Path, *words: str, **environ: str) -> subprocess.CompletedProcess[str]:
    done = in_project(project, "purge", *words, **environ)
    assert "Traceback" not in done.stderr, done.stderr
    return done


def test_a_purge_shows_asks_and_deletes(project: Path) -> None:
    old, kept = make(project, LOAD, 31), make(project, CLEAN, 31)

    shown = purge(project)
    assert shown.returncode == 0
    what, task, count, files, size, _, store = shown.stdout.strip().split("\t")
    assert (what, task, count, files, size, store) == (
        "results", "etl/sales_chain/LoadTask", "1", "3", "30 B", "local",
    )  # fmt: skip
    assert "Nothing is deleted: give --yes." in shown.stderr
    assert old.exists() and purge(project, "--dry-run", "--yes").returncode == 0 and old.exists()

    told = json.loads(purge(project, "results", "--yes", "--json").stdout)
    assert (told["deleted"], told["bytes"], told["items"][0]["files"]) == (True, 30, 3)
    assert not old.exists() and kept.exists()
    empty = purge(project, "--json")
    assert json.loads(empty.stdout)["items"] == []
    assert "Nothing is old enough" in purge(project).stderr


def test_a_pinned_result_stays_until_it_is_pinned_no_more(project: Path) -> None:
    old = make(project, LOAD, 31)
    assert in_project(project, "pin", f"{LOAD}/out.txt", "--reason", "audit").returncode == 0
    assert in_project(project, "pin").stdout == f"{LOAD}\taudit\n"
    assert json.loads(in_project(project, "pin", "--json").stdout)[0]["key"] == LOAD

    assert "old, but kept: 1, pinned: audit" in purge(project, "--yes").stderr
    assert old.exists()
    assert in_project(project, "pin", "--remove", LOAD).returncode == 0
    again = in_project(project, "pin", "--remove", LOAD)
    assert (again.returncode, "was not pinned" in again.stderr) == (1, True)
    purge(project, "--yes")
    assert not old.exists()


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (("purge", "--older-than", "3 months"), "--older-than '3 months' can't be read"),
        (("purge", "--older-than", "forever"), "nothing is"),
        (("purge", "--type", "../../etc"), "can be called so"),
        (("purge", "everything"), "everything"),
        (("pin", "etl/sales_chain"), "is not a key"),
        (("pin", "--remove"), "Which ones?"),
    ],
)
def test_what_can_not_be_is_refused_in_words(
    project: Path, words: tuple[str, ...], why: str
) -> None:
    done = in_project(project, *words)
    assert (done.returncode, why in done.stderr) == (2, True), done.stderr


def test_outside_of_a_project_nothing_is_made(tmp_path: Path) -> None:
    for words in (("purge",), ("pin",)):
        done = in_project(tmp_path, *words)
        assert (done.returncode, "There is no folder" in done.stderr) == (2, True)
    assert list(tmp_path.iterdir()) == []


def test_two_purges_do_not_meet_and_a_store_is_vacuumed(project: Path) -> None:
    old = make(project, LOAD, 31)
    purge(project)  # makes the store
    database = Database(sqlite_url(project / ".datanectar" / "runs.db"))
    store = RetentionStore(database)
    assert store.begin("purge", "another", 60)
    refused = purge(project, "--yes")
    assert (refused.returncode, "goes on already" in refused.stderr) == (2, True)
    assert old.exists()
    store.end("purge", "another", done=False)
    database.close()

    done = purge(project, "--yes", "--vacuum")
    assert done.returncode == 0 and "run store:" in done.stderr
    assert not old.exists()


def test_postgresql_needs_no_vacuum_by_hand(project: Path, postgres_database: str) -> None:
    done = purge(project, "runs", "--vacuum", DATANECTAR_DATABASE_URL=postgres_database)
    assert (done.returncode, "autovacuum" in done.stderr) == (2, True)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["moto_s3", "rclone_s3"])
def test_results_in_a_bucket_go_and_its_versions_are_told(
    project: Path, kind: str, request: pytest.FixtureRequest
) -> None:
    server: S3Server = request.getfixturevalue(kind)
    environ = server.environ()
    bucket = f"{environ['ENV']}.{environ['PROJECT_BUCKET']}"
    client = boto3.client(
        "s3",
        endpoint_url=server.endpoint,
        aws_access_key_id=server.access_key,
        aws_secret_access_key=server.secret_key,
        region_name="us-east-1",
        config=Config(
            s3={"addressing_style": "path"}, request_checksum_calculation="when_required"
        ),
    )
    client.create_bucket(Bucket=bucket)
    names = [
        f"{LOAD[:-2]}{number:02x}/{file}" for number in range(12) for file in ("log", "out.txt")
    ]
    names.append(f"{CLEAN}/out.txt")
    for name in names:
        client.put_object(Bucket=bucket, Key=name, Body=b"0123456789")
    local = make(project, LOAD, 31)
    is_versioned = kind == "moto_s3"
    if is_versioned:
        client.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})

    words = ("results", "--older-than", "0s", "--task", "LoadTask", "--yes", "--json")
    done = purge(project, *words, **environ)

    assert done.returncode == 0, done.stderr
    items = {
        item["in"]: (item["count"], item["files"]) for item in json.loads(done.stdout)["items"]
    }
    assert items == {f"s3://{bucket}": (12, 24), "local": (1, 3)}
    assert not local.exists()
    left = client.list_objects_v2(Bucket=bucket)["Contents"]
    assert [item["Key"] for item in left] == [f"{CLEAN}/out.txt"]
    assert ("keeps versions" in done.stderr) is is_versioned


@pytest.mark.slow
def test_a_bucket_takes_the_rules_that_are_printed(project: Path, moto_s3: S3Server) -> None:
    environ = moto_s3.environ(
        DATANECTAR_KEEP_RESULTS="90 days, etl/sales_chain/CleanTask = forever"
    )
    bucket = f"{environ['ENV']}.{environ['PROJECT_BUCKET']}"
    client = boto3.client(
        "s3",
        endpoint_url=moto_s3.endpoint,
        aws_access_key_id=moto_s3.access_key,
        aws_secret_access_key=moto_s3.secret_key,
        region_name="us-east-1",
    )
    client.create_bucket(Bucket=bucket)

    done = purge(project, "--lifecycle", **environ)

    rules = json.loads(done.stdout)
    client.put_bucket_lifecycle_configuration(Bucket=bucket, LifecycleConfiguration=rules)
    days = {
        rule["ID"].rpartition("/")[2]: rule.get("Expiration", {}).get("Days")
        for rule in rules["Rules"]
    }
    assert days == {
        "LoadTask": 30, "ReportTask": 90, "PagesTask": 10, "EveningTask": 1, "datanectar clear up": None,
    }  # fmt: skip
    assert "knows of no runs" in done.stderr
