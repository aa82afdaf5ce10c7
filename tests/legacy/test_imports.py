"""A chain of datanectar 0.1, as the page on coming from it shows it, runs as it stands."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.servers.s3 import S3Server
from tests.servers.stack import Stack

PAGE = (Path(__file__).parents[2] / "docs" / "coming-from-0.1.md").read_text()


#: The chain of the page, as 0.1 kept its results in S3 as well.
PLACE, SOURCE = re.findall(r"`code/chains/(.+)\.py`:\n\n```python\n(.+?)```", PAGE, re.DOTALL)[0]


@pytest.mark.parametrize("store", ["local", "s3"])
def test_the_chain_of_the_page_runs_as_it_stands(
    make_stack: Callable[..., Stack], rclone_s3: S3Server, store: str
) -> None:
    stack = make_stack(**rclone_s3.environ() if store == "s3" else {}).start()
    stack.chain(PLACE, SOURCE)

    run = stack.client.run(f"{PLACE}/SecondTask", name="0.1")

    assert run.wait().read_text() == "hello 0.1"
    nodes = stack.client.graph(run.key)["nodes"]
    assert {node["family"].rpartition(".")[2] for node in nodes} == {"FirstTask", "SecondTask"}
    assert stack.file(run.key).exists() == (store == "local")


def in_project(folder: Path, script: str) -> str:
    """Run a script that has made the old modules importable, with every warning shown."""
    start = "from datanectar.legacy.imports import make_importable; make_importable()\n"
    done = subprocess.run(
        [sys.executable, "-W", "always", "-c", start + script],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout + done.stderr


@pytest.mark.parametrize(
    ("statement", "instead"),
    [
        ("from pathutils import project_path", "code/ is on sys.path"),
        ("from util.s3task import NectarS3Task", "from datanectar import NectarTask"),
        ("from code.util.s3task import NectarS3Task", "from datanectar import NectarTask"),
        ("import code.util.s3task as old; old.NectarS3Task", "from datanectar import NectarTask"),
        ("from luigi.s3 import S3Target", "leave output() out"),
        ("from util.nectar_s3_task import NectarS3Task", "from datanectar import NectarTask"),
        (
            "from util.nectar_local_task import NectarLocalTask",
            "from datanectar import NectarLocalTask",
        ),
    ],
)
def test_an_old_import_says_what_to_write_instead(
    tmp_path: Path, statement: str, instead: str
) -> None:
    shown = in_project(tmp_path, statement)

    assert "DeprecationWarning" in shown
    assert instead in shown


def test_modules_of_the_projects_own_come_first(tmp_path: Path) -> None:
    (tmp_path / "util.py").write_text("mine = 1")
    (tmp_path / "pathutils.py").write_text("def project_path():\n    return 'mine'\n")

    shown = in_project(
        tmp_path,
        "import util; from pathutils import project_path; print(util.mine, project_path())",
    )

    assert shown == "1 mine\n"
