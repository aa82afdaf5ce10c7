"""The table of settings: one row is all that a setting takes."""

from __future__ import annotations

import dataclasses
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from datanectar.settings import Settings, load, rows

ROOT = Path(__file__).parents[2]


def test_every_setting_has_a_variable_of_its_own_and_a_word_of_help() -> None:
    described = rows()

    assert len({variable for variable, _, _ in described}) == len(dataclasses.fields(Settings))
    assert all(help for _, _, help in described)
    assert {v for v, _, _ in described if not v.startswith("DATANECTAR_")} == {
        "ENV",
        "PROJECT_BUCKET",
    }


def test_the_bucket_is_made_of_environment_and_project() -> None:
    settings = load({"ENV": "qa", "PROJECT_BUCKET": "datanectartest"})

    assert (settings.bucket, settings.is_local) == ("qa.datanectartest", False)


LOOPBACK = ["127.0.0.1", "127.9.9.9", "localhost", "::1"]
ELSEWHERE = ["0.0.0.0", "::", "10.0.0.1", "localhost.evil.example", "127.evil.example", "::1234"]


@pytest.mark.parametrize("host", LOOPBACK + ELSEWHERE)
def test_only_loopback_counts_as_loopback(host: str) -> None:
    assert load({"DATANECTAR_HOST": host}).on_loopback is (host in LOOPBACK)


def test_the_app_is_where_host_and_port_say() -> None:
    def url(host: str) -> str:
        return load({"DATANECTAR_HOST": host, "DATANECTAR_PORT": "81"}).app_url

    assert url("127.0.0.1") == url("0.0.0.0") == url("::") == "http://localhost:81"
    assert url("10.1.2.3") == "http://10.1.2.3:81"
    assert url("::1") == "http://[::1]:81"


NEW_ROW = """
    colour: str = setting("DATANECTAR_COLOUR", "green", "the colour of the app")
"""
USE = """
import sys
from datanectar.cli.main import main
from datanectar.settings import current, load, rows
from tests.docs.pages import settings_page

print("environ:", load({"DATANECTAR_COLOUR": "red"}).environ()["DATANECTAR_COLOUR"])
print("docs:", "| `DATANECTAR_COLOUR` | `green` | the colour of the app |" in settings_page())
sys.argv[1:] = ["settings"]
main()
"""


def test_a_new_setting_is_one_row(tmp_path: Path) -> None:
    """Its variable, the file, `datanectar settings` and the docs follow from the row alone."""
    code, project = tmp_path / "code", tmp_path / "project"
    shutil.copytree(ROOT / "code" / "datanectar", code / "datanectar")
    table = code / "datanectar" / "settings" / "declarations.py"
    before = "    port: int = "
    table.write_text(table.read_text().replace(before, NEW_ROW.lstrip("\n") + before))
    project.mkdir()
    (project / "datanectar.toml").write_text('colour = "blue"\n')
    environ = {**os.environ, "PYTHONPATH": f"{code}:{ROOT}"}

    used = subprocess.run(
        [sys.executable, "-c", USE], cwd=project, env=environ, capture_output=True, text=True
    )

    assert used.stdout.startswith("environ: red\ndocs: True\n"), used.stderr
    assert "DATANECTAR_COLOUR\n    the colour of the app\n    default: green" in used.stdout
    assert "    in force: blue\n    from: " + str(project / "datanectar.toml") in used.stdout
