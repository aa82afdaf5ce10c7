"""How a run's graph is laid out."""

from __future__ import annotations

import time
from itertools import pairwise

from datanectar.runs.records import TaskRow
from datanectar.statuses import DONE, FAILED, PENDING, RUNNING
from datanectar.views.graph.drawing import HEIGHT, LARGEST, WIDTH, Drawing, draw


def row(name: str, *requires: str, status: str = DONE, family: str | None = None) -> TaskRow:
    family = family or f"t.c_chain.{name}Task"
    return TaskRow("run", name, f"chains/{name}", family, status, list(requires))


def placed(drawing: Drawing) -> dict[str, tuple[float, float]]:
    return {node.id: (node.x, node.y) for node in drawing.nodes}


def test_what_is_needed_stands_left_of_what_needs_it() -> None:
    tasks = [row("root", "left", "deep"), row("left"), row("deep", "deeper"), row("deeper")]
    at = placed(draw(tasks))
    for task in tasks:
        for needed in task.requires:
            assert at[needed][0] + WIDTH < at[task.task_id][0]


def test_boxes_never_overlap_and_stay_inside_the_drawing() -> None:
    tasks = [row("root", *(f"n{i}" for i in range(40)))]
    tasks += [row(f"n{i}", f"s{i % 7}") for i in range(40)] + [row(f"s{i}") for i in range(7)]
    drawing = draw(tasks)
    corners = sorted(placed(drawing).values())
    for (x1, y1), (x2, y2) in pairwise(corners):
        assert x1 != x2 or y2 - y1 >= HEIGHT
    assert all(0 <= x <= drawing.width - WIDTH for x, _ in corners)
    assert all(0 <= y <= drawing.height - HEIGHT for _, y in corners)
    assert len(drawing.lines) == 80


def test_parallel_chains_do_not_cross() -> None:
    days = range(9)
    tasks = [row("root", *(f"b{d}" for d in days))]
    tasks += [row(f"b{d}", f"a{d}") for d in days]
    tasks += [row(f"a{d}") for d in reversed(days)]
    at = placed(draw(tasks))
    order = [sorted(days, key=lambda d, k=kind: at[f"{k}{d}"][1]) for kind in "ab"]
    assert order[0] == order[1]


def test_a_requirement_that_the_run_does_not_know_is_left_out() -> None:
    assert draw([row("root", "elsewhere")]).lines == []


def test_many_tasks_are_drawn_by_family() -> None:
    days = range(LARGEST)
    tasks = [row("root", *(f"d{d}" for d in days))]
    tasks += [row(f"d{d}", f"d{d - 1}", family="t.c_chain.DayTask") for d in days]
    drawing = draw(tasks)
    assert drawing.by_family
    assert [node.label for node in drawing.nodes] == [f"DayTask × {LARGEST}", "rootTask"]
    assert len(drawing.lines) == 1


def test_a_family_shows_the_status_that_matters_most() -> None:
    def status(*statuses: str) -> str:
        rows = [row(str(i), status=s, family="f") for i, s in enumerate(statuses)]
        return draw(rows, by_family=True).nodes[0].status

    assert status(DONE, FAILED, RUNNING) == FAILED
    assert status(DONE, RUNNING, PENDING) == RUNNING
    assert status(DONE, PENDING) == RUNNING
    assert status(PENDING, PENDING) == PENDING
    assert status(DONE, DONE) == DONE


def test_families_that_need_each_other_are_drawn_all_the_same() -> None:
    tasks = [row("1", "2", family="a"), row("2", "3", family="b"), row("3", family="a")]
    drawing = draw(tasks, by_family=True)
    assert {node.id for node in drawing.nodes} == {"a", "2"}
    assert len(drawing.lines) == 2


def test_a_graph_as_large_as_may_be_is_laid_out_at_once() -> None:
    deep = [row(f"d{i}", *([f"d{i - 1}"] if i else [])) for i in range(LARGEST)]
    wide = [row(f"t{i}", *(f"t{j}" for j in range(i % 20))) for i in range(LARGEST)]
    many = [row(f"m{i}", f"m{i - 1}", family=f"f{i % 9}") for i in range(20_000)]
    begin = time.perf_counter()
    for tasks in (deep, wide, many):
        draw(tasks)
    assert time.perf_counter() - begin < 3


def test_an_empty_graph_has_no_size() -> None:
    drawing = draw([])
    assert (drawing.nodes, drawing.width, drawing.height) == ([], 0, 0)


def test_a_line_over_several_layers_passes_behind_no_box() -> None:
    tasks = [row("root", "c", "a"), row("c", "b"), row("b", "a"), row("a")]
    drawing = draw(tasks)
    at = placed(drawing)
    flat = [line for line in drawing.lines if "H" in line]
    assert len(flat) == 2  # a lane in the layer of b, and one in that of c
    for line in flat:
        x, y = (float(number) for number in line[1:].partition("H")[0].split())
        for name in ("b", "c"):
            left, top = at[name]
            assert left != x or not top <= y <= top + HEIGHT


def test_a_task_that_was_done_before_stands_beside_what_needs_it() -> None:
    tasks = [row("root", "c", "before"), row("c", "b"), row("b", "a"), row("a"), row("before")]
    at = placed(draw(tasks))
    assert at["before"][0] == at["c"][0]


def test_labels_name_parameters_and_boxes_are_in_natural_order() -> None:
    tasks = [
        TaskRow("run", f"t{n}", None, "t.c_chain.DayTask", DONE, params={"n": str(n)})
        for n in (10, 9, 1)
    ]
    drawing = draw(tasks)
    assert [node.detail for node in sorted(drawing.nodes, key=lambda node: node.y)] == [
        "n=1",
        "n=9",
        "n=10",
    ]


def test_a_family_is_opened() -> None:
    tasks = [row("root", "d0", "d1", "e0", "e1")]
    tasks += [row(f"{kind}{n}", family=f"t.c.{kind}Task") for kind in "de" for n in (0, 1)]
    drawing = draw(tasks, by_family=True, opened=frozenset(["t.c.dTask"]))
    assert {node.id for node in drawing.nodes} == {"root", "d0", "d1", "t.c.eTask"}
    assert len(drawing.lines) == 3
