"""What a task needs of luigid's resources: whether luigid can take it, and why the task waits."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any

#: The largest amount, number of retries or of seconds that is sent to luigid.
_MOST = 2**53
#: The largest priority that is sent: beyond it JSON has no numbers.
_HIGHEST = 1e300
#: The units of a resource that no ``[resources]`` section names (scheduler.py ``_has_resources``).
_UNLISTED = 1


def acceptable(call: dict[str, Any]) -> dict[str, Any]:
    """Return an ``add_task`` call without options that luigid can't count with.

    A task's options were checked when it was scheduled; it may change them while it runs. Where
    the author says nothing of retries there are none: luigid's default is to try 999,999,999
    times, a quarter of an hour apart.
    """
    priority, policy = call.get("priority", 0), call.get("retry_policy_dict")
    if policy is not None and policy.get("retry_count") is None:
        call = {**call, "retry_policy_dict": {**policy, "retry_count": 1}}
    if isinstance(priority, float) and math.isinf(priority):
        call = {**call, "priority": math.copysign(_HIGHEST, priority)}
    if problem_of(call) is None:
        return call
    return {**call, "resources": {}, "priority": 0, "retry_policy_dict": {"retry_count": 1}}


def problem_of(options: Mapping[str, Any]) -> str | None:
    """Return what is wrong with a task's scheduling options; None when luigid can take them.

    luigid does not check what it is sent. A text where it counts makes its later responses fail,
    those to other runs too.

    Args:
        options: arguments of luigid's ``add_task``, and ``max_batch_size``.
    """
    resources = options.get("resources")
    if resources is not None and not isinstance(resources, Mapping):
        return f"resources is {_shown(resources)}; it must be a dict of numbers by name"
    for name, amount in (resources or {}).items():
        if not isinstance(name, str) or not name or "<" in name:
            return f"resources: {_shown(name)} is no name of a resource"
        if not _is_amount(amount):
            return f"resources: {name} is {_shown(amount)}; it must be a number of at least 0"
    priority = options.get("priority", 0)
    if not isinstance(priority, (int, float)) or math.isnan(priority):
        return f"priority is {_shown(priority)}; it must be a number"
    for name, value in (options.get("retry_policy_dict") or {}).items():
        if value is not None and not _is_amount(value):
            return f"{name} is {_shown(value)}; it must be a number of at least 0"
    size = options.get("max_batch_size", math.inf)
    if not isinstance(size, (int, float)) or not size >= 1:
        return f"max_batch_size is {_shown(size)}; it must be a number of at least 1"
    return None


def shortage(
    needed: Mapping[str, float], listed: Iterable[Mapping[str, Any]]
) -> tuple[str, bool] | None:
    """Return why a task must wait for resources, and whether it would wait for ever.

    Args:
        needed: amounts by name.
        listed: luigid's reply to ``resource_list``.

    Returns:
        None when no resource is short.
    """
    by_name = {resource.get("name"): resource for resource in listed}
    waits: list[str] = []
    for name, amount in needed.items():
        total = by_name.get(name, {}).get("num_total", _UNLISTED)
        if amount > total:
            return f"needs {amount} {name}; luigid has {total} ([resources] in luigi.cfg)", True
        used = by_name.get(name, {}).get("num_used", total)
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
