"""The page on the client: its examples run, one after the other, against an app."""

from __future__ import annotations

import re
from pathlib import Path
from string import Template

import pytest

import datanectar.cli.project
from tests.servers.stack import Stack

PAGE = Path(__file__).parents[2] / "docs" / "python-client.md"
CHAIN = Path(datanectar.cli.project.__file__).with_name("project_template") / "chain.py.txt"


def test_the_examples_run(
    stack: Stack, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    source = Template(CHAIN.read_text()).substitute(type="etl", name="orders")
    stack.chain("etl/orders_chain", source)
    monkeypatch.setenv("DATANECTAR_URL", stack.url)
    blocks = re.findall(r"```python\n(.+?)```", PAGE.read_text(), re.DOTALL)
    names: dict[str, object] = {}

    for block in blocks:
        exec(compile(block, str(PAGE), "exec"), names)

    assert names["text"] == names["first"] != ""
    printed = capsys.readouterr().out
    assert "10.6" in printed
    assert "400 'yesterday' is not a date" in printed
    assert "'day': '2026-01-01'" in printed
