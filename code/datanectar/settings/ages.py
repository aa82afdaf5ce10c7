"""Ages, such as ``90 days``, and rules that say how long what is kept."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

from datanectar.settings.kinds import Kind

#: The word for an age that is never reached.
FOREVER = "forever"
_UNITS = {
    "s": 1, "sec": 1, "second": 1, "min": 60, "minute": 60, "h": 3600, "hour": 3600,
    "d": 86_400, "day": 86_400, "w": 604_800, "week": 604_800, "y": 31_536_000, "year": 31_536_000,
}  # fmt: skip
_AGE = re.compile(r"(\d{1,6}(?:\.\d{1,6})?) ?([a-z]+)")
_NAME = r"[A-Za-z_][A-Za-z0-9_]*"
_PLACE = re.compile(rf"{_NAME}(/{_NAME}){{0,2}}")
_EXPECTED = "an age such as '90 days', '12h', '4 weeks' or '1 year', or 'forever'"


def age_in_seconds(text: str) -> float:
    """Return how long an age is; infinite for ``forever``.

    A unit is a second, a minute (``min``), an hour, a day, a week or a year of 365 days. Months have
    no length.

    Raises:
        ValueError: saying what it can be.
    """
    plain = text.strip().lower()
    if plain == FOREVER:
        return math.inf
    found = _AGE.fullmatch(plain)
    unit = found and (_UNITS.get(found[2]) or _UNITS.get(found[2].removesuffix("s")))
    if not found or not unit:
        raise ValueError(f"{text!r:.60} can't be read; it can be {_EXPECTED}")
    return float(found[1]) * unit


@dataclass(frozen=True)
class AgeRules:
    """How long something is kept, in seconds, by place: ``type``, ``type/chain`` or ``type/chain/Task``.

    The place that names most decides; the empty one is for all else.
    """

    by_place: dict[str, float]

    def of(self, *place: str) -> float | None:
        """Return the age for exactly this place, or None where no rule names it."""
        return self.by_place.get("/".join(place))


def age_rules(text: str) -> AgeRules:
    """Return the rules in a text such as ``90 days, etl = 30 days, etl/sales_chain/ReportTask = forever``.

    Raises:
        ValueError: naming the rule that can't be read.
    """
    rules: dict[str, float] = {}
    for rule in filter(None, map(str.strip, text.split(","))):
        place, sign, age = (part.strip() for part in rule.rpartition("="))
        if sign and not _PLACE.fullmatch(place):
            raise ValueError(f"{place!r:.60} is no type, type/chain or type/chain/Task")
        if place in rules:
            raise ValueError(f"it has two rules for {place or 'all'}; keep one")
        rules[place] = age_in_seconds(age)
    return AgeRules(rules)


def _checked(text: str) -> str:
    age_rules(text)
    return text


AGE_RULES = Kind(_checked, (str,), "a text in quotes")
