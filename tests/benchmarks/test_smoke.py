"""Each benchmark runs with tiny numbers; the values are not checked."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from benchmarks.__main__ import BENCHMARKS, main
from benchmarks.stack import sharing


@pytest.fixture(scope="module")
def one_stack() -> Iterator[None]:
    with sharing():
        yield


@pytest.mark.slow
@pytest.mark.usefixtures("one_stack")
@pytest.mark.parametrize("name", BENCHMARKS)
def test_a_benchmark_with_tiny_numbers_gives_figures_as_table_and_json(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "figures.json"

    main([name, "--tiny", "--json", str(file)])

    rows = json.loads(file.read_text())["figures"]
    assert rows
    assert all(row["value"] >= 0 and row["benchmark"] == name for row in rows)
    table = capsys.readouterr().out
    assert all(row["name"] in table for row in rows)


def test_an_unknown_benchmark_is_refused_by_name(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["trivvial"])

    assert "trivvial" in capsys.readouterr().err
