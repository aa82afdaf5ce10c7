"""Times and durations as the pages show them."""

from __future__ import annotations

import os
import re
from datetime import datetime, timezone
from functools import lru_cache
from zoneinfo import ZoneInfo

_MINUTE, _HOUR, _DAY = 60, 3600, 86_400


def to_the_minute(stamp: float) -> str:
    """Return a Unix timestamp as date and time in UTC; a script shows it in the reader's zone."""
    return datetime.fromtimestamp(stamp, timezone.utc).strftime("%Y-%m-%d %H:%M UTC")


def exactly(stamp: float | None) -> str:
    """Return a Unix timestamp as date and time in UTC, to the second."""
    if stamp is None:
        return ""
    return datetime.fromtimestamp(stamp, timezone.utc).strftime("%Y-%m-%d %H:%M:%S UTC")


@lru_cache(maxsize=1)
def server_zone() -> str:
    """Return the IANA name of this host's time zone; an empty text when it is not to be found."""
    found = os.environ.get("TZ", "").lstrip(":") or os.path.realpath("/etc/localtime")
    name = found.rpartition("zoneinfo/")[2]
    try:
        return ZoneInfo(name).key
    except (ValueError, OSError, KeyError):
        return ""


def machine_time(stamp: float) -> str:
    """Return a Unix timestamp in the form of HTML's ``<time datetime>``."""
    return datetime.fromtimestamp(stamp, timezone.utc).isoformat(timespec="milliseconds")


def lasting(seconds: float | None) -> str:
    """Return a duration in at most two units."""
    if seconds is None:
        return ""
    if seconds < 1:
        return f"{max(0.0, seconds) * 1000:.0f} ms"
    if seconds < 10:
        return f"{seconds:.1f} s"
    if seconds < _MINUTE:
        return f"{seconds:.0f} s"
    if seconds < _HOUR:
        return f"{seconds // _MINUTE:.0f} min {seconds % _MINUTE:.0f} s"
    return f"{seconds // _HOUR:.0f} h {seconds % _HOUR // _MINUTE:.0f} min"


def first_line(text: str) -> str:
    """Return the first line of a docstring, without the marks of its notation."""
    line = text.strip().partition("\n")[0].strip()
    return re.sub(r":[\w:]+:(?=`)|:{1,2}\Z|`|\*\*|\A#+ ", "", line)
