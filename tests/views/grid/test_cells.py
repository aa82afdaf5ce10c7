"""What a cell of the grid shows for what is known of its keys."""

from __future__ import annotations

import pytest

from datanectar.messages.pages import Grid, GridTask
from datanectar.runs.statistics.keys import KeyState
from datanectar.views.grid.cells import heads, rows, status_of

KEY = f"chains/a/b/CTask/{1:032x}"
LOOKED = 100.0


@pytest.mark.parametrize(
    ("complete", "known", "finished", "status"),
    [
        (True, None, None, "DONE"),
        (False, None, None, "MISSING"),
        (False, "RUNNING", None, "RUNNING"),
        (False, "PENDING", None, "PENDING"),
        (False, "FAILED", 50.0, "FAILED"),
        (False, "CANCELLED", 50.0, "CANCELLED"),
        (False, "DONE", 50.0, "MISSING"),  # dropped since
        (False, "DONE", 150.0, "DONE"),  # made after the look
        (None, "DONE", 50.0, "DONE"),  # nobody could look
    ],
)
def test_a_status_follows_from_the_look_and_the_store(
    complete: bool | None, known: str | None, finished: float | None, status: str
) -> None:
    task = GridTask("a.b.CTask", {}, [0], KEY, complete)
    states = {KEY: KeyState(known, "r", "t", True, finished)} if known else {}
    assert status_of(task, states, LOOKED) == status


def test_several_tasks_of_a_cell_are_counted() -> None:
    keys = [f"chains/a/b/CTask/{number:032x}" for number in range(3)]
    tasks = [
        GridTask("a.b.RootTask", {}, [0], None, False),
        GridTask("a.b.CTask", {}, [0, 1], keys[0], True),
        GridTask("a.b.CTask", {}, [1], keys[1], False),
        GridTask("a.b.CTask", {}, [1], keys[2], False),
    ]
    grid = Grid("day", ["2026-01-01", "2026-01-02"], {}, tasks, LOOKED)
    own, other = rows(grid, {keys[2]: KeyState("FAILED", "r", "t", False)})
    assert (own.name, own.cells[1]) == ("RootTask", None)
    assert [cell and (cell.status, cell.words) for cell in other.cells] == [
        ("DONE", "done"),
        ("FAILED", "failed, 1 of 3 done"),
    ]


@pytest.mark.parametrize(
    ("columns", "over", "short"),
    [
        (["2026-11-30", "2026-12-01"], [("2026-11", 1), ("2026-12", 1)], ["30", "01"]),
        (["2026-11-30T06", "2026-11-30T12"], [("2026-11-30", 2)], ["06", "12"]),
        (["2026-11", "2026-12"], [("2026", 2)], ["11", "12"]),
        (["2026-W47", "2026-W48"], [("2026", 2)], ["W47", "W48"]),
        (["north", "south"], [], ["north", "south"]),
    ],
)
def test_what_columns_share_stands_over_them(
    columns: list[str], over: list[tuple[str, int]], short: list[str]
) -> None:
    assert heads(columns) == (over, short)
