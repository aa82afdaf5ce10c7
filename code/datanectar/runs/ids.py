"""Run ids: 26 characters, safe in a URL, that sort as text by the time they were made."""

from __future__ import annotations

import math
import re
import secrets
import threading
import time

#: A run id: 128 bits, five per character; the first 48 are the time in milliseconds.
RUN_ID = re.compile(r"[0-7][0-9a-hjkmnp-tv-z]{25}\Z")

#: Crockford's base 32 (no i, l, o, u) in lower case; its characters are in ASCII order.
_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"
_RANDOM_BITS = 80
#: Half a microsecond, in milliseconds: the precision of a float that holds a stamp of our time.
_SLACK = 0.0005

_last = 0
_lock = threading.Lock()


def new_id() -> str:
    """Return a new id, greater than any that this process has made before.

    Also within one millisecond, and after the clock was set back: the newest run of a key has the
    greatest id.
    """
    global _last
    with _lock:
        drawn = (time.time_ns() // 1_000_000) << _RANDOM_BITS | secrets.randbits(_RANDOM_BITS)
        _last = max(drawn, _last + 1 + secrets.randbits(40))
        return _text(_last)


def made_at(run_id: str) -> float:
    """Return the Unix stamp (seconds, exact to the millisecond) that ``run_id`` holds."""
    value = 0
    for character in run_id:
        value = value << 5 | _ALPHABET.index(character)
    return (value >> _RANDOM_BITS) / 1000


def first_id_since(stamp: float) -> str:
    """Return the lowest id of a run made at ``stamp`` or later."""
    return _at_millisecond(math.ceil(stamp * 1000 - _SLACK))


def first_id_after(stamp: float) -> str:
    """Return the lowest id of a run made later than ``stamp``."""
    return _at_millisecond(math.floor(stamp * 1000 + _SLACK) + 1)


def _at_millisecond(number: int) -> str:
    return _text(min(max(number, 0), 2**48 - 1) << _RANDOM_BITS)


def _text(value: int) -> str:
    return "".join(_ALPHABET[value >> shift & 31] for shift in range(125, -1, -5))
