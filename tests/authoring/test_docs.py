"""The example on the page about the helpers, run as it stands."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from datetime import date
from pathlib import Path

import pytest

from datanectar.authoring import formats, frames
from datanectar.authoring.needs import Needs, needs_of
from datanectar.authoring.task_helpers import TaskHelpers
from datanectar.storage.registry import storage_named
from datanectar.testing.project import temporary_project
from tests.util.chains import imported

PAGE = (Path(__file__).parents[2] / "docs" / "task-helpers.md").read_text()


def test_the_example_makes_what_the_page_shows(tmp_path: Path) -> None:
    (place,) = re.findall(r"`(code/chains/.+\.py)`:\n", PAGE)
    source = re.search(r"```python\n(import.+?)```", PAGE, re.DOTALL)
    console = re.search(r"```console\n(.+?)```", PAGE, re.DOTALL)
    assert source
    assert console
    chain = tmp_path / place
    chain.parent.mkdir(parents=True)
    chain.write_text(source[1])
    commands = re.findall(r"^\$ (.+)$", console[1], re.MULTILINE)
    programs = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    environ = {"PATH": programs, "HOME": str(tmp_path), "DATANECTAR_PROJECT": str(tmp_path)}

    done = subprocess.run(
        ["sh", "-ec", "\n".join(commands)],
        cwd=tmp_path,
        env=environ,
        capture_output=True,
        text=True,
        timeout=120,
    )

    assert done.returncode == 0, done.stderr
    assert done.stdout.endswith(re.sub(r"^\$ .+\n", "", console[1], flags=re.MULTILINE))
    (log,) = tmp_path.glob("local_targets/chains/shop/orders_chain/OrdersTask/*/log")
    assert re.search(
        r"INFO chains.shop.orders_chain.OrdersTask: 4 orders on 2026-", log.read_text()
    )


def test_the_page_names_every_helper_and_every_suffix() -> None:
    helpers = ["named_output", *(name for name in vars(TaskHelpers) if name[0] != "_")]
    assert all(f"`self.{name}" in PAGE for name in helpers)
    suffixes = [*formats.TEXTS, *formats.FIGURES, *formats.PICKLES, *frames.SUFFIXES]
    assert all(f"`{suffix}`" in PAGE for suffix in [*suffixes, ".json", ".jsonl"])


def test_the_chains_on_the_page_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """All blocks with a class but the first, which the console shows, as one chain; S3 is moto's."""
    blocks = re.findall(r"```python\n(.+?)```", PAGE, re.DOTALL)[1:]
    source = "import luigi\nfrom datanectar import NectarTask\n" + "\n".join(
        block for block in blocks if "class " in block
    )
    with imported(source, "page_chain", tmp_path, monkeypatch) as page:
        with temporary_project(tmp_path / "results", "s3") as project:
            assert project.run_chain(page.CountTask()).read_text() == "3 and 1\n"
            assert project.run_chain(page.IndexTask()).read_text() == "<p>hello</p>"
            assert project.run_chain(page.CopyTask()).task.output().files() == {
                "year=2026/part-0.csv": 4
            }
            assert needs_of(page.TrainTask) == Needs(2 * 10**9, 600, 2, {"gpu": 1})
            bucket = storage_named("s3://shop")
            bucket.prepare()
            with bucket.create_object("prices/2026/2026-01-02.csv") as file:
                file.write(b"price\n1\n3\n")
            pytest.importorskip("pandas")
            project.run_chain(page.PricesTask(day=date(2026, 1, 2)))
            report = project.run_chain(page.ReportTask(day=date(2026, 1, 3)))
            assert "2.0" in report.read_text()
