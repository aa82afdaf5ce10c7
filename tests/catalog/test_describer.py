"""How long a description of a chain holds, and where a batch ends."""

from __future__ import annotations

import os
from collections.abc import Generator
from datetime import date
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from datanectar.catalog import describer as module
from datanectar.catalog.describer import Describer
from datanectar.catalog.files import ChainFile, file_stamp
from datanectar.errors import ChainError
from datanectar.messages import ChainDescription, ParameterDescription, TaskDescription

TODAY, TOMORROW = date(2026, 6, 3), date(2026, 6, 4)


class Clock:
    """A monotonic time that tests set."""

    def __init__(self) -> None:
        self.now = 1000.0

    def monotonic(self) -> float:
        return self.now


class Children:
    """Answers each job with what a test has put here, after some seconds."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.takes = 0.0
        self.replies: list[Any] = []

    def ask(self, job: Any, *, timeout: float, subject: str) -> Any:
        self.clock.now += self.takes
        reply = self.replies.pop(0)
        if isinstance(reply, Exception):
            raise reply
        return reply

    def ask_for_each(self, job: Any, *, patience: float) -> Generator[Any, None, None]:
        yield from self.replies


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(module, "time", clock)
    return clock


@pytest.fixture
def children(clock: Clock) -> Children:
    return Children(clock)


@pytest.fixture
def describer(children: Children) -> Describer:
    settings = SimpleNamespace(import_timeout=3.0)
    return Describer(settings, children, lambda: TODAY)  # type: ignore[arg-type]


@pytest.fixture
def files(tmp_path: Path) -> list[ChainFile]:
    made = [ChainFile("t", f"{name}_chain", tmp_path / f"{name}_chain.py") for name in "abc"]
    for file in made:
        file.path.write_text("")
    return made


def chain(file: ChainFile, default: str | None = None, **fields: Any) -> ChainDescription:
    parameters = [ParameterDescription("p", "Parameter", False, default)]
    tasks = [TaskDescription("ATask", "", parameters)]
    return ChainDescription(file.type, file.name, str(file.path), **{"tasks": tasks, **fields})


def test_a_description_holds_while_no_file_changes_and_the_day_is_the_same(
    describer: Describer, children: Children, clock: Clock, files: list[ChainFile], tmp_path: Path
) -> None:
    helper = tmp_path / "helper.py"
    helper.write_text("")
    sources = [(str(helper), *file_stamp(helper))]
    children.replies = [chain(files[0], sources=sources)]

    description = describer.one(files[0])

    own = (str(files[0].path), *file_stamp(files[0].path))
    assert description.chain.sources == [own, *sources]
    clock.now += 1e6
    assert description.holds(TODAY)
    assert not description.holds(TOMORROW)
    os.utime(helper, (1, 1))
    assert not description.holds(TODAY)


def test_an_edit_during_the_import_counts(
    describer: Describer,
    children: Children,
    files: list[ChainFile],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    reply = chain(files[0])

    def ask(*_: Any, **__: Any) -> Any:
        files[0].path.write_text("edited")
        return reply

    monkeypatch.setattr(children, "ask", ask)

    assert not describer.one(files[0]).holds(TODAY)


@pytest.mark.parametrize(
    ("default", "holds"),
    [
        ("2026-06-03T1000", False),
        ("2026-06-02 23:59:59", False),
        ("2026-06-03", True),
        ("2026-01-01T1000", True),
        (None, True),
    ],
)
def test_a_default_that_names_a_time_of_about_today_holds_for_a_second(
    describer: Describer,
    children: Children,
    clock: Clock,
    files: list[ChainFile],
    default: str | None,
    holds: bool,
) -> None:
    children.replies = [chain(files[0], default)]

    description = describer.one(files[0])

    clock.now += 0.9
    assert description.holds(TODAY)
    clock.now += 0.2
    assert description.holds(TODAY) is holds


@pytest.mark.parametrize(("takes", "seconds"), [(0.0, 1.0), (3.0, 30.0)])
def test_an_error_holds_ten_times_as_long_as_it_took_to_find(
    describer: Describer,
    children: Children,
    clock: Clock,
    files: list[ChainFile],
    takes: float,
    seconds: float,
) -> None:
    children.takes, children.replies = takes, [ChainError("it hangs")]

    description = describer.one(files[0])

    assert description.chain.error == "it hangs"
    clock.now += seconds - 0.1
    assert description.holds(TODAY)
    clock.now += 0.2
    assert not description.holds(TODAY)


def test_a_description_of_another_chain_is_an_error(
    describer: Describer, children: Children, files: list[ChainFile]
) -> None:
    children.replies = [chain(files[1])]

    description = describer.one(files[0])

    assert (description.chain.name, description.chain.tasks) == ("a_chain", [])
    assert "can't be described" in str(description.chain.error)


@pytest.mark.parametrize("wrong", ["error", "task", "name", "kind"])
def test_a_batch_ends_before_the_first_chain_with_anything_wrong(
    describer: Describer, children: Children, files: list[ChainFile], wrong: str
) -> None:
    bad = {
        "error": chain(files[1], error="it can't be imported"),
        "task": chain(files[1], tasks=[TaskDescription("ATask", "", error="no default")]),
        "name": chain(files[2]),
        "kind": "no description",
    }
    children.replies = [chain(files[0]), bad[wrong], chain(files[2])]

    assert [found.chain.name for found in describer.many(files)] == ["a_chain"]


def test_a_batch_without_errors_is_described_whole(
    describer: Describer, children: Children, files: list[ChainFile]
) -> None:
    children.replies = [chain(file) for file in files]

    described = list(describer.many(files))

    assert [found.chain.name for found in described] == ["a_chain", "b_chain", "c_chain"]
    assert all(found.holds(TODAY) for found in described)
