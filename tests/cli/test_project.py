"""``datanectar init`` and ``new``: what they make works with datanectar, Luigi, pytest and pip."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import venv
from pathlib import Path

import pytest
import requests

from datanectar.catalog.files import find_chains
from datanectar.cli.outline import tasks_of
from tests.servers.processes import free_port, wait_for

BIN = Path(sys.executable).parent
SALES = "etl/sales_chain"


def do(folder: Path, *command: str, **environ: str) -> subprocess.CompletedProcess[str]:
    """Run a command of this Python's in a folder, with next to nothing in the environment."""
    return subprocess.run(
        [BIN / command[0], *command[1:]],
        env={"PATH": os.environ["PATH"], "HOME": str(folder), **environ},
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=120,
    )


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    done = do(tmp_path, "datanectar", "init", "shop")
    assert done.returncode == 0, done.stderr
    return tmp_path / "shop"


def test_init_makes_a_project_and_names_each_file(tmp_path: Path) -> None:
    done = do(tmp_path, "datanectar", "init", "My shop")

    made = {str(Path(line).relative_to(tmp_path / "My shop")) for line in done.stdout.splitlines()}
    assert made == {
        ".gitignore",
        "README.md",
        "code/chains/etl/sales_chain.py",
        "datanectar.toml",
        "pyproject.toml",
        "requirements.txt",
        "tests/etl/test_sales_chain.py",
    }
    project = tmp_path / "My shop"
    assert all((project / path).is_file() for path in made)
    assert 'name = "my-shop"' in (project / "pyproject.toml").read_text()
    assert "$ " in (project / "README.md").read_text()
    assert "$$" not in (project / "README.md").read_text()


def test_what_was_made_may_be_json(tmp_path: Path) -> None:
    made = json.loads(do(tmp_path, "datanectar", "init", "My shop", "--json").stdout)["made"]

    assert str(tmp_path / "My shop" / "datanectar.toml") in made
    chain, test = json.loads(
        do(tmp_path / "My shop", "datanectar", "new", "web/hits", "--json").stdout
    )["made"]
    assert (Path(chain).name, Path(test).name) == ("hits_chain.py", "test_hits_chain.py")


def test_what_to_do_next_can_be_pasted(tmp_path: Path) -> None:
    told = do(tmp_path, "datanectar", "init", "My shop").stderr

    (line,) = [line for line in told.splitlines() if line.startswith("  cd ")]
    moved = subprocess.run(["sh", "-c", f"{line} && pwd"], capture_output=True, text=True)
    assert moved.stdout.strip() == str(tmp_path / "My shop")


def test_init_overwrites_nothing(tmp_path: Path) -> None:
    (tmp_path / "README.md").write_text("mine")

    done = do(tmp_path, "datanectar", "init", ".")

    assert done.returncode == 2
    assert f"There already: {tmp_path / 'README.md'}. Nothing was written." in done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["README.md"]
    assert (tmp_path / "README.md").read_text() == "mine"


@pytest.mark.slow
def test_a_new_project_is_up_and_its_banner_names_its_chain(shop: Path) -> None:
    port = free_port()
    out = shop / "up.out"
    with out.open("wb") as stream:
        up = subprocess.Popen(
            [BIN / "datanectar", "up"],
            env={"PATH": os.environ["PATH"], "DATANECTAR_PORT": str(port)},
            cwd=shop,
            stdout=stream,
            stderr=subprocess.STDOUT,
        )
    try:
        wait_for(lambda: "Ctrl-C stops everything" in out.read_text(), "the banner is there")
        (curl,) = (line for line in out.read_text().splitlines() if "curl -X POST" in line)
        url = curl.split("'")[1]
        assert f"/api/chains/{SALES}/ReportTask?day=" in url
        done = requests.post(url, headers={"Prefer": "wait=60"}, timeout=90).json()["data"]
        assert done["job_status"] == "DONE", done
        report = requests.get(done["target_url"], timeout=10).json()
        assert (report["sales"], report["total"]) == (3, 10.6)
        run = do(shop, "datanectar", "run", f"{SALES}/ReportTask", "--day", "2026-01-01",
                 DATANECTAR_PORT=str(port))  # fmt: skip
        assert run.returncode == 0, run.stderr
        assert requests.get(run.stdout.strip(), timeout=10).json()["day"] == "2026-01-01"
    finally:
        up.terminate()
        assert up.wait(60) == 0


@pytest.mark.slow
def test_chains_are_importable_by_pytest_and_by_luigi(shop: Path) -> None:
    assert do(shop, "datanectar", "new", "etl/orders").returncode == 0

    tested = do(shop, "pytest", "-q", "-p", "no:cacheprovider")

    assert tested.returncode == 0, tested.stdout
    assert "6 passed" in tested.stdout
    assert not (shop / "local_targets").exists()  # tests have a folder of their own
    arguments = ["ReportTask", "--day", "2026-01-01", "--local-scheduler"]
    ran = do(shop, "luigi", "--module", "chains.etl.orders_chain", *arguments, PYTHONPATH="code")
    assert ran.returncode == 0, ran.stderr
    (report,) = shop.glob("local_targets/chains/etl/orders_chain/ReportTask/*/report.json")
    assert '"orders": 3' in report.read_text()


@pytest.mark.slow
def test_pip_makes_chains_importable_for_every_program_of_that_python(
    shop: Path, tmp_path: Path
) -> None:
    """``pip install -e .``: what the README of a project says; needs the package index."""
    venv.create(tmp_path / "venv", with_pip=True, symlinks=True)
    python = tmp_path / "venv" / "bin" / "python"
    install = [python, "-m", "pip", "install", "--quiet", "--no-deps", "-e", shop]
    installed = subprocess.run(install, capture_output=True, text=True, timeout=240)
    if "No matching distribution found for setuptools" in installed.stderr:
        pytest.skip("the package index can't be reached")
    assert installed.returncode == 0, installed.stderr
    others = [path for path in sys.path if path.endswith("site-packages") or path.endswith("code")]
    code = "from chains.etl.sales_chain import ReportTask; print(ReportTask.__module__)"

    said = subprocess.run(
        [python, "-c", code],
        env={"PYTHONPATH": os.pathsep.join(others)},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
    )

    assert said.stdout == "chains.etl.sales_chain\n", said.stderr


@pytest.mark.parametrize("spelling", ["web/hits", "web/hits_chain", "web/hits_chain.py"])
def test_new_adds_a_chain_and_its_test(shop: Path, spelling: str) -> None:
    done = do(shop / "code", "datanectar", "new", spelling)

    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == [
        str(shop / "code/chains/web/hits_chain.py"),
        str(shop / "tests/web/test_hits_chain.py"),
    ]
    (chain,) = (file for file in find_chains(shop / "code/chains") if file.type == "web")
    assert [task.path for task in tasks_of(chain)] == [
        "web/hits_chain/ReadTask",
        "web/hits_chain/ReportTask",
    ]
    assert [(p.name, p.required) for p in tasks_of(chain)[1].parameters] == [("day", True)]


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("orders", "chain: 'orders' is not TYPE/NAME"),
        ("e-tl/orders", "type: 'e-tl' can't be part of a route"),
        ("etl/9orders", "name: '9orders' can't be part of a route"),
        ("etl/", "name: '' can't be part of a route"),
        ("etl/../../x", "name: '../../x' can't be part of a route"),
        ("class/orders", "type: 'class' is a word of Python"),
        ("etl/sales", "code/chains/etl/sales_chain.py"),
    ],
)
def test_new_refuses_and_names_the_field(shop: Path, name: str, words: str) -> None:
    before = sorted(shop.rglob("*"))

    done = do(shop, "datanectar", "new", name)

    assert (done.returncode, done.stdout) == (2, "")
    assert words in done.stderr
    assert sorted(shop.rglob("*")) == before


def test_new_outside_of_a_project_says_how_to_make_one(tmp_path: Path) -> None:
    done = do(tmp_path, "datanectar", "new", "etl/orders")

    assert done.returncode == 2
    assert "make one with `datanectar init`" in done.stderr
