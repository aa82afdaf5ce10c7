"""The raw data of the shipped chains, read by other means. The tests run them by ``datanectar.testing``."""

from __future__ import annotations

import gzip
import re
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

CHAINS = Path(__file__).parents[2] / "code" / "chains"


@pytest.fixture(scope="session")
def bicycles() -> Iterator[sqlite3.Connection]:
    """Every sound measurement of the shipped raw file, the first one of each hour, as a table."""
    text = gzip.decompress((CHAINS / "etl/data/counts.csv.gz").read_bytes()).decode()
    sound = r"^(2016-0[456]-[0-3]\d)T(\d\d):00,(bridge|riverside|station|university),(\d{1,4})$"
    with sqlite3.connect(":memory:") as table:
        table.execute(
            "create table counts (day, hour, counter, n int, unique (day, hour, counter))"
        )
        table.executemany(
            "insert or ignore into counts values (?, ?, ?, ?)",
            re.findall(sound, text, re.MULTILINE),
        )
        yield table
    table.close()
