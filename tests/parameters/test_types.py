"""The table of parameter types: each row is read, explained, put in a form and described."""

from __future__ import annotations

import enum
import inspect
import subprocess
import sys
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import luigi
import pytest
from jsonschema import Draft202012Validator
from luigi.date_interval import Week

from datanectar.api.openapi.schemas import task_parameter
from datanectar.catalog.collector import describe_parameter
from datanectar.errors import BadRequest
from datanectar.messages import ParameterDescription
from datanectar.parameters.reading import make_task
from datanectar.parameters.types import TYPES, ParameterType, type_named, type_of
from datanectar.views.catalogue.forms import fields


class Colour(enum.Enum):
    RED = 1
    BLUE = 2


class KnownTask(luigi.Task):
    """What the task parameter names."""


#: By type: what it is made with, a text, its value, the words for another text, the form's widget,
#: and the text as the schema has it.
EXAMPLES: dict[str, tuple[dict[str, Any], str, Any, str | None, str, Any]] = {
    "Parameter": ({}, "a b", "a b", None, "text", "a b"),
    "StrParameter": ({}, "a b", "a b", None, "text", "a b"),
    "PathParameter": ({}, "a/b", Path("a/b"), None, "text", "a/b"),
    "TaskParameter": ({}, "KnownTask", KnownTask, "is no TaskParameter", "text", "KnownTask"),
    "IntParameter": ({}, "7", 7, "is not a whole number", "number", 7),
    "FloatParameter": ({}, "1.5", 1.5, "is not a number", "number", 1.5),
    "NumericalParameter": (
        {"var_type": int, "min_value": 1, "max_value": 9},
        "7",
        7,
        "is not a whole number of at least 1 and below 9",
        "number",
        7,
    ),
    "BoolParameter": ({}, "true", True, "is not true or false", "checkbox", True),
    "ChoiceParameter": ({"choices": ["a", "b"]}, "b", "b", "is not one of a, b", "select", "b"),
    "EnumParameter": (
        {"enum": Colour},
        "BLUE",
        Colour.BLUE,
        "is not one of RED, BLUE",
        "select",
        "BLUE",
    ),
    "ChoiceListParameter": (
        {"choices": ["a", "b"]},
        "b,a",
        ("b", "a"),
        "is not some of a, b",
        "text",
        "b,a",
    ),
    "EnumListParameter": (
        {"enum": Colour},
        "BLUE,RED",
        (Colour.BLUE, Colour.RED),
        "is no EnumListParameter",
        "text",
        "BLUE,RED",
    ),
    "DateParameter": ({}, "2026-06-03", date(2026, 6, 3), "is not a date", "date", "2026-06-03"),
    "MonthParameter": ({}, "2026-06", date(2026, 6, 1), "is not a month", "month", "2026-06"),
    "YearParameter": ({}, "2026", date(2026, 1, 1), "is not a year", "number", 2026),
    "DateHourParameter": (
        {},
        "2026-06-03T05",
        datetime(2026, 6, 3, 5),
        "is not an hour",
        "datetime-local",
        "2026-06-03T05",
    ),
    "DateMinuteParameter": (
        {},
        "2026-06-03T0507",
        datetime(2026, 6, 3, 5, 7),
        "is not a minute",
        "datetime-local",
        "2026-06-03T0507",
    ),
    "DateSecondParameter": (
        {},
        "2026-06-03T050709",
        datetime(2026, 6, 3, 5, 7, 9),
        "is not a second",
        "datetime-local",
        "2026-06-03T050709",
    ),
    "DateIntervalParameter": (
        {},
        "2026-W23",
        Week(2026, 23),
        "is not a period",
        "text",
        "2026-W23",
    ),
    "TimeDeltaParameter": (
        {},
        "1 h 30 min",
        timedelta(minutes=90),
        "is not a length of time",
        "text",
        "1 h 30 min",
    ),
    "ListParameter": ({}, "[1, 2]", (1, 2), "is not JSON, such as [1, 2]", "textarea", "[1, 2]"),
    "TupleParameter": ({}, "[1, 2]", (1, 2), "is not JSON, such as [1, 2]", "textarea", "[1, 2]"),
    "DictParameter": (
        {},
        '{"a": 1}',
        {"a": 1},
        'is not JSON, such as {"a": 1}',
        "textarea",
        '{"a": 1}',
    ),
}


def made(name: str, text: str | None = None) -> tuple[type[luigi.Task], ParameterDescription]:
    """Return a task with one parameter of a type, and that parameter's description."""
    item = getattr(luigi.parameter, name)(**EXAMPLES[name][0])
    cls = type("ExampleTask", (luigi.Task,), {"p": item, "__module__": __name__})
    return cls, describe_parameter(cls, "p", item)


def test_every_row_has_an_example() -> None:
    assert set(EXAMPLES) == set(TYPES)


@pytest.mark.parametrize("name", TYPES)
def test_a_type_is_read(name: str) -> None:
    text, value = EXAMPLES[name][1:3]

    assert make_task(made(name)[0], {"p": text}).p == value


@pytest.mark.parametrize("name", [name for name, example in EXAMPLES.items() if example[3]])
def test_a_refusal_says_what_it_reads(name: str) -> None:
    with pytest.raises(BadRequest) as problem:
        make_task(made(name)[0], {"p": "?"})

    assert f"'?' {EXAMPLES[name][3]}" in problem.value.fields["p"]


@pytest.mark.parametrize("name", TYPES)
def test_a_type_has_its_place_in_a_form(name: str) -> None:
    shown = fields([made(name)[1]], {"p": EXAMPLES[name][1]})[0]

    assert shown.kind == EXAMPLES[name][4]
    assert make_task(made(name)[0], {"p": shown.value}).p == EXAMPLES[name][2]
    assert shown.type
    assert "Parameter" not in shown.type


@pytest.mark.parametrize("name", TYPES)
def test_a_type_is_described_by_a_schema_that_its_text_fits(name: str) -> None:
    schema = task_parameter(made(name)[1])["schema"]

    validator = Draft202012Validator(schema)
    validator.validate(EXAMPLES[name][5])
    assert not validator.is_valid([])


def test_every_type_of_luigi_has_a_row_or_is_an_optional_one_of_such() -> None:
    defined = [
        cls
        for name, cls in vars(luigi.parameter).items()
        if inspect.isclass(cls) and issubclass(cls, luigi.Parameter) and not name.startswith("_")
    ]

    without = {cls.__name__ for cls in defined} - set(TYPES)

    assert len(defined) > 30
    assert {name for name in without if name.removeprefix("Optional") not in TYPES} == set()
    assert all(name.startswith("Optional") for name in without)


@pytest.mark.parametrize("name", TYPES)
def test_an_authors_class_is_of_the_type_that_it_inherits_from(name: str) -> None:
    cls = type("Mine", (getattr(luigi.parameter, name),), {"__module__": __name__})

    assert type_of(cls(**EXAMPLES[name][0])) is TYPES[name]


def test_an_authors_class_that_takes_a_name_of_luigis_is_not_of_that_type() -> None:
    cls = type("IntParameter", (luigi.Parameter,), {"__module__": __name__})

    assert type_of(cls()) is TYPES["Parameter"]


@pytest.mark.parametrize(("name", "several"), [("Mine", False), ("MineListParameter", True)])
def test_of_a_class_without_a_row_the_name_is_all_that_is_known(name: str, several: bool) -> None:
    assert type_named(name) == ParameterType(several=several)


def test_the_table_is_there_without_luigi() -> None:
    program = "import sys, datanectar.parameters.types; print('luigi' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True)

    assert done.stdout.split() == [b"False"]
