"""Ages, and rules of them."""

from __future__ import annotations

import math

import pytest

from datanectar.settings.ages import age_in_seconds, age_rules


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("90 days", 90 * 86_400), ("1 day", 86_400), ("90d", 90 * 86_400), ("12h", 43_200),
        ("4 Weeks", 28 * 86_400), ("1.5 years", 1.5 * 365 * 86_400), ("30 min", 1800), ("0s", 0),
        ("45 seconds", 45), (" forever ", math.inf),
    ],
)  # fmt: skip
def test_an_age_has_a_number_and_a_unit(text: str, seconds: float) -> None:
    assert age_in_seconds(text) == seconds


@pytest.mark.parametrize(
    "text", ["", "90", "days", "-1 day", "3 months", "1m", "1 d 2 h", "nan s", "1e9 s", "s"]
)
def test_what_is_no_age_is_refused_with_what_it_can_be(text: str) -> None:
    with pytest.raises(ValueError, match="'90 days'"):
        age_in_seconds(text)


def test_rules_name_places() -> None:
    rules = age_rules("90 days, etl = 30d, etl/sales_chain/ReportTask=forever,")
    assert rules.of("etl", "sales_chain") is None
    assert rules.of() == 90 * 86_400
    assert rules.of("etl") == 30 * 86_400
    assert rules.of("etl", "sales_chain", "ReportTask") == math.inf
    assert age_rules(" ").by_place == {}


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("etl = soon", "'soon' can't be read"), ("e tl = 1d", "is no type"), ("a/b/c/d=1d", "is no type"),
        ("= 1d", "is no type"), ("1d, 2d", "two rules for all"), ("etl=1d,etl=2d", "two rules for etl"),
    ],
)  # fmt: skip
def test_rules_that_can_not_be_read_are_named(text: str, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        age_rules(text)
