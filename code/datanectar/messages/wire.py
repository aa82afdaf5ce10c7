"""How messages are written and read: each as a line of JSON, checked as it is read."""

from __future__ import annotations

import json
from typing import Any

import msgspec

from datanectar.keys import is_file_name
from datanectar.messages.fields import Message

#: Characters that a text for people keeps; a longer one loses its middle.
_LONGEST_TEXT = 32_000
_CUT = "\n[...]\n"

#: The kinds that :func:`decode` reads, by name.
_KINDS: dict[str, type[Message]] = {}


def register(*kinds: type[Message]) -> None:
    """Let :func:`decode` read these messages too."""
    _KINDS.update({cls.__name__: cls for cls in kinds})


#: Python's encoder, since lone surrogates (in a file's name, in an error's text) must pass.
_JSON = json.JSONEncoder(default=msgspec.structs.asdict)


def encode(message: Message) -> bytes:
    """Return ``message`` as one line of JSON that :func:`decode` reads."""
    return _JSON.encode([type(message).__name__, message]).encode() + b"\n"


def decode(line: bytes) -> Any:
    """Return the message that :func:`encode` wrote.

    Raises:
        ValueError: when the line is no message; it may come from a child that runs anything.
    """
    try:
        kind, content = json.loads(line)
        return _checked(msgspec.convert(content, _KINDS[kind]))
    except (TypeError, KeyError, ValueError, RecursionError) as problem:
        raise ValueError(f"not a record ({problem!s:.200}): {line[:200]!r}") from problem


def _checked(message: Message) -> Message:
    """Do what the types of fields can't: check a file's name, cut long texts."""
    output = getattr(message, "output", None)
    if output is not None and not is_file_name(output):
        raise ValueError(f"{output!r:.40} is no file name - at `$.output`")
    texts = {name: getattr(message, name, None) or "" for name in ("error", "message", "traceback")}
    long = {name: _cut(text) for name, text in texts.items() if len(text) > _LONGEST_TEXT}
    return msgspec.structs.replace(message, **long) if long else message


def _cut(text: str) -> str:
    """Return the beginning and the end of a long text: what was tried, and why it failed."""
    half = (_LONGEST_TEXT - len(_CUT)) // 2
    return f"{text[:half]}{_CUT}{text[-half:]}"
