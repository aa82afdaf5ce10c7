"""Values that are carried to another process as JSON."""

from __future__ import annotations

from datetime import date, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from datanectar.parameters.value_json import from_text, to_text

VALUES: list[Any] = [
    None, True, 3, 2.5, "x", "\udce9", date(2020, 1, 2), datetime(2020, 1, 2, 3, 4, 5, 6),
    datetime(2020, 1, 2, tzinfo=timezone.utc), timedelta(days=-1, microseconds=7), (), ((1,), "a"),
    {"date": "2020-01-02"}, {1: (date(2020, 1, 2), {})},
]  # fmt: skip


@pytest.mark.parametrize("value", VALUES, ids=repr)
def test_a_value_of_pythons_own_comes_back_as_it_was(value: Any) -> None:
    """fault 1.1"""
    text = to_text(value)

    assert text is not None
    assert from_text(text) == value
    assert type(from_text(text)) is type(value)


scalars = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text()
moments = st.dates() | st.datetimes() | st.timedeltas()
nested = st.recursive(
    scalars | moments,
    lambda inner: st.lists(inner).map(tuple) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(nested)
def test_so_does_what_is_made_of_such(value: Any) -> None:
    text = to_text(value)

    assert text is not None
    assert from_text(text) == value


@pytest.mark.parametrize("value", [object(), b"x", {1, 2}, (object(),), complex(1)])
def test_another_value_is_not_carried(value: Any) -> None:
    assert to_text(value) is None
