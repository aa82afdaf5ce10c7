"""Parameters by value: one text, and so one key, for equal values; other values, other keys."""

from __future__ import annotations

import datetime
import enum
import itertools
import json
import pathlib
from decimal import Decimal
from typing import Any

import luigi
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from luigi import date_interval
from luigi.freezing import FrozenOrderedDict
from luigi.parameter import (
    OptionalFloatParameter,
    OptionalIntParameter,
    OptionalListParameter,
    OptionalParameter,
    StrParameter,
)

from datanectar.errors import ChainError, KeyUndefined
from datanectar.parameters.values import canonical, default_of, is_readable, text_of


class Colour(enum.Enum):
    RED = 1
    BLUE = 2


class Named(str, enum.Enum):
    SOME = "some"


class Hexadecimal(luigi.Parameter):
    """As an author writes one."""

    def parse(self, x: str) -> int:
        return int(x, 16)

    def serialize(self, x: int) -> str:
        return hex(x)


class Point:
    """A value without an equality of its own."""

    def __init__(self, x: int) -> None:
        self.x = x


class PointParameter(luigi.Parameter):
    def parse(self, x: str) -> Point:
        return Point(int(x))

    def serialize(self, x: Point) -> str:
        return str(x.x)


FLOAT = luigi.FloatParameter()
NUMBER = luigi.NumericalParameter(var_type=float, min_value=0, max_value=10)
WHOLE = luigi.NumericalParameter(var_type=int, min_value=0, max_value=10)
FIVES = luigi.DateMinuteParameter(interval=5)


@pytest.mark.parametrize(
    ("item", "values", "text"),
    [
        (FLOAT, [1, 1.0, True, Decimal(1), "read:1", "read:1e0", "read:01.0"], "1.0"),
        (FLOAT, [0.0, -0.0, 0, False, "read:-0"], "0.0"),
        (FLOAT, [float("nan"), "read:NaN"], "nan"),
        (FLOAT, [float("inf"), "read:1e999"], "inf"),
        (OptionalFloatParameter(), [2, 2.0], "2.0"),
        (NUMBER, [1, 1.0, "read:1"], "1.0"),
        (WHOLE, [5, 5.0, "read:05"], "5"),
        (luigi.IntParameter(), [5, 5.0, "read: 5 "], "5"),
        (OptionalIntParameter(), [5, 5.0], "5"),
        (OptionalIntParameter(), [None], ""),
        (luigi.BoolParameter(), [True, "read:true"], "True"),
        (luigi.ListParameter(), [[1, [2]], (1, (2,)), (1.0, (2,)), "read:[1,[2.0]]"], "[1, [2]]"),
        (luigi.ListParameter(), [[0.0], [-0.0], [0]], "[0]"),
        (luigi.ListParameter(), [[1.5, 1e22]], "[1.5, 10000000000000000000000]"),
        (OptionalListParameter(), [[1], (1.0,)], "[1]"),
        (luigi.TupleParameter(), [((1, 2),), "read:((1,2),)", "read:[[1.0, 2]]"], "[[1, 2]]"),
        (
            luigi.DictParameter(),
            [{"b": 1, "a": {"d": 2, "c": 1.0}}, FrozenOrderedDict(a={"c": 1, "d": 2}, b=1)],
            '{"a": {"c": 1, "d": 2}, "b": 1}',
        ),
        (luigi.DateParameter(), [datetime.date(2020, 1, 2)], "2020-01-02"),
        (luigi.DateIntervalParameter(), [date_interval.Week(2020, 2)], "2020-W02"),
        (luigi.TimeDeltaParameter(), [datetime.timedelta(hours=25)], "0 w 1 d 1 h 0 m 0 s"),
        (luigi.EnumParameter(enum=Colour), [Colour.RED], "RED"),
        (luigi.ChoiceParameter(choices=[0.5, 1.0], var_type=float), [1, 1.0], "1.0"),
        (luigi.PathParameter(), [pathlib.Path("a/b"), "read:a//b"], "a/b"),
        (luigi.Parameter(), ["False", "read:False"], "False"),
        (StrParameter(), [""], ""),
        (luigi.Parameter(), [Named.SOME, "some"], "some"),
        (luigi.IntParameter(), [None], "None"),
        (Hexadecimal(), [255, "read:FF"], "0xff"),
        (PointParameter(), [Point(3), Point(3), "read:03"], "3"),
    ],
)
def test_equal_values_have_one_text(item: Any, values: list[Any], text: str) -> None:
    """fault 1.3"""
    for value in values:
        reads = isinstance(value, str) and value.startswith("read:")
        made = item.parse(value[5:]) if reads else value
        assert canonical(item, item.normalize(made)) == text, value


#: Values of a plain ``luigi.Parameter``, each unlike all others.
DISTINCT = [
    "False", "None", "3", "('a', 'b')", "2020-01-01", "", False, None, 3, 2.5, ("a", "b"), ("a b",),
    (), {}, {"a": 1}, {"a": "1"}, {1: "a"}, {"1": "a"}, frozenset({"a", "b"}), b"x", "b'x'",
    datetime.date(2020, 1, 1), datetime.datetime(2020, 1, 1), datetime.timedelta(seconds=1),
    datetime.timedelta(seconds=1, microseconds=1), Decimal("0.1"), 0.1, Colour.RED, Colour.BLUE,
    ((1,), 2), (1, (2,)), ("1",), (1,), (None,), (datetime.date(2020, 1, 1),), float("nan"), "nan",
]  # fmt: skip


def test_values_of_a_plain_parameter_that_differ_never_share_a_key() -> None:
    """fault 1.1, fault 1.2"""
    item = luigi.Parameter()

    for one, other in itertools.combinations(DISTINCT, 2):
        assert canonical(item, one) != canonical(item, other), (one, other)
    assert canonical(item, 1) == canonical(item, 1.0) == canonical(item, True)
    assert canonical(item, [1, "a"]) == canonical(item, (1.0, "a"))
    assert canonical(item, {"a": 1, "b": 2}) == canonical(item, {"b": 2, "a": 1})
    assert canonical(item, frozenset("ab")) == canonical(item, frozenset("ba"))


@pytest.mark.parametrize(
    ("item", "value"),
    [
        (luigi.IntParameter(), 2.5),
        (luigi.IntParameter(), "7"),
        (FLOAT, "1.5"),
        (FLOAT, 2**53 + 1),
        (FLOAT, Decimal("0.1")),
        (luigi.TimeDeltaParameter(), datetime.timedelta(milliseconds=500)),
        (luigi.TimeDeltaParameter(), datetime.timedelta(seconds=-1, milliseconds=500)),
        (luigi.DictParameter(), FrozenOrderedDict({1: "a"})),
        (luigi.ChoiceListParameter(choices=["a", "b", "a,b"]), ("a,b",)),
        (luigi.ChoiceParameter(choices=[True, False], var_type=bool), False),
        (OptionalParameter(), ""),
    ],
)
def test_a_value_that_its_type_cant_read_shares_no_key_with_what_it_can(
    item: Any, value: Any
) -> None:
    """fault 1.1: such as ``IntParameter(default=2.5)``, which a run must get as it is"""
    assert not is_readable(item, value)
    assert isinstance(canonical(item, value), tuple)


@given(st.integers() | st.floats())
def test_a_float_parameter_has_the_text_of_the_float(number: float) -> None:
    """fault 1.3"""
    try:
        same = float(number) == number or number != number
    except OverflowError:
        same = False
    if same:
        read = text_of(FLOAT, number)
        assert canonical(FLOAT, number) == read == canonical(FLOAT, float(read))
    else:
        assert isinstance(canonical(FLOAT, number), tuple)


scalars = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text()
nested = st.recursive(
    scalars, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=8
)


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.dictionaries(st.text(), nested))
def test_an_object_has_one_text_however_it_was_made(value: dict[str, Any]) -> None:
    item = luigi.DictParameter()
    backwards = dict(reversed(value.items()))

    texts = {
        str(canonical(item, item.normalize(made)))
        for made in (
            value,
            backwards,
            item.parse(json.dumps(backwards)),
            item.parse(text_of(item, item.normalize(value))),
        )
    }

    assert len(texts) == 1


def default_in(item: Any) -> Any:
    cls = type("SomeTask", (luigi.Task,), {"value": item, "task_namespace": "test_values"})
    return default_of(cls, "value", item)


@pytest.mark.parametrize(
    ("item", "words"),
    [
        (luigi.Parameter(default=object()), "'value' has no stable text"),
        (luigi.Parameter(default=[object()]), "'value' has no stable text"),
        (luigi.Parameter(default={"a", "b"}), "'value' has a set"),
        (luigi.Parameter(default="\udce9"), "'value' has a default with a character"),
        (luigi.Parameter(default=["\udce9"]), None),
        (luigi.Parameter(default="a\x00"), "'value' has a default with a character"),
        (luigi.Parameter(default="\udce9", significant=False), "'value' has a default with a"),
        (luigi.DateParameter(default="tomorrow"), "parameter value: its default can't be used"),
        (luigi.ListParameter(default={"a"}), "value"),
        (luigi.Parameter(default=object(), significant=False), None),
        (luigi.Parameter(default=b"x"), None),
    ],
)
def test_a_default_that_no_run_could_have_is_told(item: Any, words: str | None) -> None:
    """fault 1.2, fault 3.13"""
    if words is None:
        default_in(item)
        return
    with pytest.raises((KeyUndefined, ChainError), match=words):
        default_in(item)
