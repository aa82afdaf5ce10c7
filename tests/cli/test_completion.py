"""Shell completion, asked as bash asks (click's ``shell_completion``)."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

CHAIN = """
raise SystemExit("completion imports nothing")

import luigi
from datanectar import NectarTask


class _Base(NectarTask):
    day = luigi.DateParameter()


class ReadTask(_Base):
    encoding: str = luigi.Parameter(default="utf-8")


class SumTask(luigi.Task):
    limit = luigi.OptionalIntParameter()


class Helper:
    pass
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    for name in ("etl/orders_chain", "etl/sales_chain", "web/hits_chain"):
        file = tmp_path / "code" / "chains" / f"{name}.py"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(CHAIN)
    (tmp_path / "code" / "chains" / "web" / "broken_chain.py").write_text("def (:\n")
    return tmp_path


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("datanectar sch", {"schedules"}),
        ("datanectar --ver", {"--version"}),
        ("datanectar chains ", {"etl", "web"}),
        ("datanectar run web", {"web/hits_chain/ReadTask", "web/hits_chain/SumTask"}),
        (
            "datanectar run etl/s",
            {"etl/sales_chain/ReadTask", "etl/sales_chain/SumTask"},
        ),
        ("datanectar run etl/sales_chain/ReadTask ", {"day=", "encoding="}),
        ("datanectar run etl/sales_chain/ReadTask --d", {"--day"}),
        ("datanectar run etl/sales_chain/SumTask --", {"--limit", "--here", "--pdb", "--url"}),
        ("datanectar runs --type w", {"web"}),
        ("datanectar runs --chain ", {"hits_chain", "orders_chain", "sales_chain"}),
        ("datanectar runs --type etl --chain ", {"orders_chain", "sales_chain"}),
        ("datanectar runs --task S", {"SumTask"}),
        ("datanectar runs --status D", {"DONE"}),
        ("datanectar schedules --pause web/hits_chain/R", {"web/hits_chain/ReadTask"}),
        ("datanectar config web_t", {"web_threads"}),
        ("datanectar st", {"status"}),
    ],
)
def test_what_bash_is_offered(project: Path, words: str, expected: set[str]) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "datanectar"],
        env={
            "PATH": os.environ["PATH"],
            "_DATANECTAR_COMPLETE": "bash_complete",
            "COMP_WORDS": words,
            "COMP_CWORD": str(len(words.split(" ")) - 1),
        },
        cwd=project,
        capture_output=True,
        text=True,
        timeout=60,
    )

    offered = {line.removeprefix("plain,") for line in done.stdout.splitlines()}
    if "--here" in expected:
        assert offered >= expected
    else:
        assert offered == expected
