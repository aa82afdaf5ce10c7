"""A dozen rounds of the harness, one for each kind of fault."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.faults.harness import Harness
from tests.servers.bookkeeping import Books


@pytest.mark.slow
def test_the_books_are_right_whatever_is_broken(tmp_path: Path) -> None:
    harness = Harness(tmp_path, seed=20160603)
    total = Books("in sum")
    try:
        harness.start()
        for number, fault in enumerate(harness.faults, 1):
            books = harness.play(number, fault)
            print(books)
            total += books
    finally:
        harness.close()

    assert total.wrong == []
    assert total.accepted == sum(total.ends.values()) == 12 * len(harness.faults)
