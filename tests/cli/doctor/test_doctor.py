"""``datanectar doctor``: each finding has its cure, and what does not work ends with 1."""

from __future__ import annotations

import http.server
import json
import os
import socket
import subprocess
import sys
import threading
from datetime import datetime, timedelta, timezone
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import boto3
import pytest

from datanectar.cli.doctor.stores import _clock
from tests.servers.processes import free_port
from tests.servers.s3 import S3Server
from tests.servers.stack import Stack

GOOD = "import luigi\n\n\nclass GoodTask(luigi.Task):\n    pass\n"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    chain = tmp_path / "code" / "chains" / "etl" / "good_chain.py"
    chain.parent.mkdir(parents=True)
    chain.write_text(GOOD)
    return tmp_path


def examine(project: Path, **environ: str) -> tuple[int, dict[str, dict[str, Any]]]:
    """Return the exit code, and the findings by their subjects."""
    done = subprocess.run(
        [sys.executable, "-m", "datanectar", "doctor", "--json"],
        env={
            "PATH": os.environ["PATH"],
            "HOME": str(project),
            "DATANECTAR_PORT": str(free_port()),
            "DATANECTAR_LUIGID_URL": f"http://127.0.0.1:{free_port()}",
            **environ,
        },
        cwd=project,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert "Traceback" not in done.stderr, done.stderr
    return done.returncode, {found["subject"]: found for found in json.loads(done.stdout)}


def test_a_good_project_has_no_cures(project: Path) -> None:
    code, found = examine(project)

    assert code == 0
    assert {one["level"] for one in found.values()} == {"ok"}
    assert not any(one["cure"] for one in found.values())
    assert found["chains"]["message"] == "1 of 1 can be imported"
    assert set(found) >= {"Python", "state", "results", "app", "luigid", "run store", "queue"}
    assert not (project / ".datanectar").exists()  # it changes nothing


@pytest.mark.slow
def test_every_chain_that_can_not_be_imported_is_named(project: Path) -> None:
    folder = project / "code" / "chains" / "etl"
    (folder / "broken_chain.py").write_text("import no_such_module\n")
    (folder / "dying_chain.py").write_text("import os\nos._exit(3)\n")
    (folder / "hanging_chain.py").write_text("import time\ntime.sleep(1000)\n")
    (folder / "odd-name_chain.py").write_text(GOOD)
    (folder / "zzz_chain.py").write_text("print('loud')\n" + GOOD)

    code, found = examine(project, DATANECTAR_IMPORT_TIMEOUT="6")

    assert code == 1
    assert "no_such_module" in found["etl/broken_chain"]["message"]
    assert "Install what has the module 'no_such_module'" in found["etl/broken_chain"]["cure"]
    assert str(folder / "dying_chain.py") in found["etl/dying_chain"]["cure"]
    assert "ends the process (exit code 3)" in found["etl/dying_chain"]["message"]
    assert "takes longer than 6 s" in found["etl/hanging_chain"]["message"]
    assert "can't be part of a route" in found["etl/odd-name_chain"]["message"]
    assert found["chains"]["message"] == "2 of 6 can be imported"


@pytest.mark.slow
def test_ports_in_use_and_what_listens_there(project: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]

        code, found = examine(project, DATANECTAR_PORT=str(port))

    assert code == 1
    assert found["app"]["level"] == "FAIL"
    assert "DATANECTAR_PORT" in found["app"]["cure"]


@pytest.mark.slow
def test_a_running_app_and_its_luigid_are_seen(stack: Stack) -> None:
    variables = stack.environment
    _, found = examine(stack.project, **variables)

    assert found["app"]["message"] == f"runs at {stack.settings.app_url}"
    assert found["luigid"]["message"] == f"runs at {stack.luigid_url}"


def test_the_app_of_another_project_is_not_taken_for_this_ones(stack: Stack, project: Path) -> None:
    _, found = examine(project, DATANECTAR_PORT=str(stack.port))

    assert found["app"]["level"] == "note"
    assert found["app"]["message"] == f"{stack.settings.app_url} is the app of another project"
    assert "datanectar.toml" in found["app"]["cure"]


def test_settings_that_can_not_be_used_and_variables_that_are_none(project: Path) -> None:
    code, found = examine(project, DATANECTAR_WORKERS="none")

    assert code == 1
    assert "DATANECTAR_WORKERS is 'none'" in found["settings"]["message"]

    code, found = examine(project, DATANECTAR_PROT="1")

    assert code == 0
    assert found["settings"]["level"] == "note"
    assert "did you mean DATANECTAR_PORT?" in found["settings"]["message"]


@pytest.mark.slow
def test_a_damaged_run_store_and_an_open_state_folder(project: Path) -> None:
    state = project / ".datanectar"
    state.mkdir(mode=0o755)
    (state / "runs.db").write_bytes(b"no database" * 1000)

    code, found = examine(project)

    assert code == 1
    assert found["run store"]["level"] == "FAIL"
    assert str(state / "runs.db") in found["run store"]["cure"]
    assert (found["state"]["level"], found["state"]["cure"].split(" (")[0]) == (
        "note",
        f"chmod 700 '{state}'",
    )


@pytest.mark.slow
def test_a_database_that_is_away(project: Path) -> None:
    url = f"postgresql://me:hush@127.0.0.1:{free_port()}/runs"

    code, found = examine(
        project, DATANECTAR_DATABASE_URL=url, DATANECTAR_QUEUE_URL="redis://127.0.0.1:1"
    )

    assert code == 1
    assert "DATANECTAR_DATABASE_URL" in found["run store"]["cure"]
    assert "DATANECTAR_QUEUE_URL" in found["queue"]["cure"]
    assert "hush" not in json.dumps(found)


def test_what_up_would_refuse_is_found(project: Path) -> None:
    code, found = examine(
        project, DATANECTAR_HOST="0.0.0.0", DATANECTAR_PRELOAD="json no_such_module"
    )

    assert code == 1
    assert "DATANECTAR_TOKENS" in found["access"]["message"]
    assert "No module named 'no_such_module'" in found["preload no_such_module"]["message"]
    assert "DATANECTAR_PRELOAD" in found["preload no_such_module"]["cure"]
    assert "preload json" not in found


def test_a_folder_without_chains(tmp_path: Path) -> None:
    code, found = examine(tmp_path)

    assert code == 1
    assert "datanectar init" in found["project"]["cure"]


# --- S3 -------------------------------------------------------------------------------------------


def s3_environ(server: S3Server, bucket: str) -> dict[str, str]:
    env, _, name = bucket.partition(".")
    return {
        "ENV": env,
        "PROJECT_BUCKET": name,
        "AWS_ENDPOINT_URL_S3": server.endpoint,
        "AWS_ACCESS_KEY_ID": server.access_key,
        "AWS_SECRET_ACCESS_KEY": server.secret_key,
        "AWS_REGION": "us-east-1",
    }


def s3_client(server: S3Server) -> Any:
    return boto3.client(
        "s3",
        endpoint_url=server.endpoint,
        aws_access_key_id=server.access_key,
        aws_secret_access_key=server.secret_key,
        region_name="us-east-1",
    )


@pytest.mark.slow
def test_a_bucket_is_written_to_and_left_as_it_was(project: Path, moto_s3: S3Server) -> None:
    s3_client(moto_s3).create_bucket(Bucket="doctor.well")

    code, found = examine(project, **s3_environ(moto_s3, "doctor.well"))

    assert code == 0, found
    assert found["bucket"]["message"] == "doctor.well"
    assert found["S3 access"]["level"] == found["clock"]["level"] == "ok"
    assert "Contents" not in s3_client(moto_s3).list_objects_v2(Bucket="doctor.well")


@pytest.mark.slow
def test_a_bucket_that_is_missing(project: Path, moto_s3: S3Server) -> None:
    code, found = examine(project, **s3_environ(moto_s3, "doctor.missing"))

    assert code == 1
    assert "doctor.missing" in found["bucket"]["message"]


class _Refusing(http.server.BaseHTTPRequestHandler):
    """S3 for whoever's clock is an hour ahead: it refuses, and to a HEAD it gives no reason."""

    def do_HEAD(self) -> None:
        self.send_response(403)
        self.end_headers()

    def date_time_string(self, timestamp: float | None = None) -> str:
        return format_datetime(datetime.now(timezone.utc) - timedelta(hours=1), usegmt=True)


def test_a_clock_that_is_far_off_is_told_as_why_the_store_refuses(project: Path) -> None:
    with http.server.HTTPServer(("127.0.0.1", 0), _Refusing) as server:
        threading.Thread(target=server.serve_forever).start()
        try:
            code, found = examine(
                project,
                ENV="doctor",
                AWS_ENDPOINT_URL_S3=f"http://127.0.0.1:{server.server_port}",
                AWS_ACCESS_KEY_ID="key",
                AWS_SECRET_ACCESS_KEY="secret",
            )
        finally:
            server.shutdown()

    assert code == 1
    assert found["bucket"]["level"] == found["clock"]["level"] == "FAIL"
    assert "NTP" in found["clock"]["cure"]


@pytest.mark.slow
def test_credentials_and_endpoints_that_are_missing_are_named(project: Path) -> None:
    away = {"ENV": "doctor", "AWS_ENDPOINT_URL_S3": f"http://127.0.0.1:{free_port()}"}
    code, found = examine(project, **away)

    assert code == 1
    assert "AWS_ACCESS_KEY_ID" in found["bucket"]["message"]
    keys = {"AWS_ACCESS_KEY_ID": "key", "AWS_SECRET_ACCESS_KEY": "secret"}
    code, found = examine(project, **away, **keys)
    assert code == 1
    assert "AWS_ENDPOINT_URL_S3" in found["bucket"]["message"]


@pytest.mark.parametrize(
    ("seconds", "level", "words"),
    [
        (0, "ok", "the store's"),
        (120, "note", "before"),
        (-120, "note", "behind"),
        (3600, "FAIL", "before"),
    ],
)
def test_the_clock_is_compared_with_the_stores(seconds: int, level: str, words: str) -> None:
    there = datetime.now(timezone.utc) - timedelta(seconds=seconds)
    response = {"ResponseMetadata": {"HTTPHeaders": {"date": format_datetime(there)}}}

    found = _clock(response)

    assert found.level == level
    assert words in found.message
    assert abs(int(found.message.partition(" ")[0]) - abs(seconds)) <= 2
