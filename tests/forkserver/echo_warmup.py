"""Warms the tests' fork server up: its children may have a role in which they write much memory."""

from __future__ import annotations

from collections.abc import Callable

from tests.forkserver import echo_target


def warm_up() -> dict[str, Callable[[], None]]:
    return {"writer": echo_target.write}
