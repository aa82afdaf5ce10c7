"""What a task needs of luigid's resources: whether that can be said to luigid, and why it waits."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any

#: The most of a resource, or of a number of retries or seconds, that luigid is told.
_MOST = 2**53
#: The units of a resource that no ``[resources]`` section names (scheduler.py ``_has_resources``).
_UNLISTED = 1


def problem_of(announced: Mapping[str, Any]) -> str | None:
    """Return what is wrong with an announcement of a task; None when luigid can take it.

    luigid keeps what it is told unseen. A text where it counts makes its later answers fail: those to
    other runs too.

    Args:
        announced: arguments of luigid's ``add_task``, and ``max_batch_size``.
    """
    resources = announced.get("resources")
    if resources is not None and not isinstance(resources, Mapping):
        return f"resources is {_shown(resources)}; it must be a dict of numbers by name"
    for name, amount in (resources or {}).items():
        if not isinstance(name, str) or not name or "<" in name:
            return f"resources: {_shown(name)} is no name of a resource"
        if not _is_amount(amount):
            return f"resources: {name} is {_shown(amount)}; it must be a number of at least 0"
    priority = announced.get("priority", 0)
    if not isinstance(priority, (int, float)) or math.isnan(priority):
        return f"priority is {_shown(priority)}; it must be a number"
    for name, value in (announced.get("retry_policy_dict") or {}).items():
        if value is not None and not _is_amount(value):
            return f"{name} is {_shown(value)}; it must be a number of at least 0"
    size = announced.get("max_batch_size", math.inf)
    if not isinstance(size, (int, float)) or not size >= 1:
        return f"max_batch_size is {_shown(size)}; it must be a number of at least 1"
    return None


def shortage(
    needed: Mapping[str, float], listed: Iterable[Mapping[str, Any]]
) -> tuple[str, bool] | None:
    """Return which resource is short and whether it always will be; None when none can be told.

    Args:
        needed: amounts by name.
        listed: luigid's answer to ``resource_list``.
    """
    there = {each.get("name"): each for each in listed}
    waits: list[str] = []
    for name, amount in needed.items():
        total = there.get(name, {}).get("num_total", _UNLISTED)
        if amount > total:
            return f"needs {amount} {name}; luigid has {total} ([resources] in luigi.cfg)", True
        used = there.get(name, {}).get("num_used", total)
        if amount + used > total:
            waits.append(f"{amount} {name}; luigid has {total}, {used} in use")
    return (f"waits for {', for '.join(waits)}", False) if waits else None


def _is_amount(value: Any) -> bool:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return False
    return 0 <= value <= _MOST


def _shown(value: Any) -> str:
    try:
        text = repr(value)
    except Exception:  # an author's object, or a number with too many digits
        text = f"a {type(value).__name__} that can't be shown"
    return text if len(text) <= 80 else f"{text[:77]}..."
