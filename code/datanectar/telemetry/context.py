"""What every log line of the present work has in common: its run, attempt, task or request."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from contextvars import ContextVar
from types import MappingProxyType

_NOTHING: Mapping[str, object] = MappingProxyType({})
_fields: ContextVar[Mapping[str, object]] = ContextVar("datanectar_log_fields", default=_NOTHING)


def log_fields() -> Mapping[str, object]:
    """Return the fields of the present work."""
    return _fields.get()


@contextlib.contextmanager
def log_context(**fields: object) -> Iterator[None]:
    """Add fields to each line that is logged in the block, by this thread.

    Args:
        fields: names and values; what is None is left out.
    """
    token = _fields.set(_with(fields))
    try:
        yield
    finally:
        _fields.reset(token)


def bind(**fields: object) -> None:
    """Add fields until the :func:`log_context` ends that this is called in."""
    _fields.set(_with(fields))


def _with(fields: Mapping[str, object]) -> Mapping[str, object]:
    known = {name: value for name, value in fields.items() if value is not None}
    return MappingProxyType({**_fields.get(), **known})
