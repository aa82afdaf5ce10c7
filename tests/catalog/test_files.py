"""Which files are chains, and what is said about those that are not."""

from __future__ import annotations

from pathlib import Path

import pytest

from datanectar.catalog.files import (
    chain_path,
    file_stamp,
    find_chains,
    like_chain,
    luigi_stamps,
    no_task,
)
from datanectar.messages import ChainDescription, LeftOut, TaskDescription


@pytest.fixture
def chains(tmp_path: Path) -> Path:
    for place in ("etl/bikes_chain.py", "etl/helper.py", "agg/weeks_chain.py", "my-etl/x_chain.py",
                  ".git/y_chain.py", "__pycache__/z_chain.py"):  # fmt: skip
        path = tmp_path / place
        path.parent.mkdir(exist_ok=True)
        path.write_text("")
    return tmp_path


def test_chains_are_found_in_order_and_a_name_that_is_no_route_has_its_problem(
    chains: Path,
) -> None:
    found = find_chains(chains)

    assert [file.id for file in found] == [
        ("agg", "weeks_chain"),
        ("etl", "bikes_chain"),
        ("my-etl", "x_chain"),
    ]
    assert [file.problem is None for file in found] == [True, True, False]
    assert "'my-etl' can't be part of a route" in str(found[2].problem)
    assert find_chains(chains / "none") == []


@pytest.mark.parametrize(
    ("type", "name", "found"),
    [
        ("etl", "bikes_chain", True),
        ("etl", "helper", False),
        ("etl", "cars_chain", False),
        ("my-etl", "x_chain", False),
        ("..", "bikes_chain", False),
    ],
)
def test_a_chain_has_its_path(chains: Path, type: str, name: str, found: bool) -> None:
    assert chain_path(chains, type, name) == (chains / type / f"{name}.py" if found else None)


def test_a_misspelt_chain_is_told_the_nearest(chains: Path) -> None:
    assert like_chain(chains, "etl", "bike_chain") == " Did you mean etl/bikes_chain?"
    assert like_chain(chains, "other", "zzz") == ""
    assert "There is such a file, but 'my-etl'" in like_chain(chains, "my-etl", "x_chain")


def test_a_stamp_is_time_and_size_and_zeros_without_a_file(tmp_path: Path) -> None:
    path = tmp_path / "a.py"
    path.write_text("abc")

    assert file_stamp(path) == (path.stat().st_mtime_ns, 3)
    assert file_stamp(tmp_path / "none") == (0, 0)


def test_luigis_configuration_has_stamps_that_change_with_its_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = luigi_stamps(tmp_path)
    (tmp_path / "luigi.cfg").write_text("[core]\n")
    edited = luigi_stamps(tmp_path)
    monkeypatch.setenv("LUIGI_CONFIG_PATH", "own.cfg")
    (tmp_path / "own.cfg").write_text("[own]\n")

    assert len({str(stamps) for stamps in (before, edited, luigi_stamps(tmp_path))}) == 3


def test_a_task_that_is_not_there_is_told_those_that_are() -> None:
    tasks = [TaskDescription("ATask", ""), TaskDescription("BTask", "")]
    left_out = [LeftOut("Report", "its name does not end in Task")]
    chain = ChainDescription("etl", "bikes_chain", "", tasks=tasks, left_out=left_out)

    assert "its tasks: ATask, BTask. Without a route: Report" in no_task(chain, "CTask")
    assert no_task(chain, "Report") == (
        "etl/bikes_chain has no route for 'Report': its name does not end in Task"
    )
