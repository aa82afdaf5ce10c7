"""The times of a task's ``schedule``: a cron expression, and a time zone if it is not UTC."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone, tzinfo
from zoneinfo import ZoneInfo

from cronsim import CronSim, CronSimError

_FIELDS = 5


@dataclass(frozen=True)
class Cron:
    """A schedule. ``"0 6 * * * Europe/Berlin"`` is six in the morning there, all year."""

    expression: str
    zone: tzinfo

    def latest_due(self, after: float, until: float) -> float | None:
        """Return the last scheduled time in ``(after, until]``, or None; all are Unix timestamps.

        When clocks change, the times are those of Debian's cron (cronsim's documentation).
        """
        latest = None
        for stamp in self.times(after):
            if stamp > until:
                break
            latest = stamp
        return latest

    def next_due(self, after: float) -> float:
        """Return the first scheduled time after ``after``; both are Unix timestamps."""
        return next(self.times(after))

    def times(self, after: float) -> Iterator[float]:
        """Yield the scheduled times after ``after``, without end; all are Unix timestamps."""
        for moment in CronSim(self.expression, datetime.fromtimestamp(after, self.zone)):
            yield moment.timestamp()


def parse(text: str) -> Cron:
    """Return the schedule in ``text``.

    Raises:
        ValueError: with what is wrong with it.
    """
    words = text.split()
    expression, rest = " ".join(words[:_FIELDS]), words[_FIELDS:]
    if len(rest) > 1:
        raise ValueError(f"schedule {text!r}: five cron fields, and a time zone if it is not UTC")
    try:
        zone: tzinfo = ZoneInfo(rest[0]) if rest else timezone.utc
    except (KeyError, ValueError, OSError) as problem:
        raise ValueError(f"schedule {text!r}: there is no time zone {rest[0]!r}") from problem
    try:
        next(CronSim(expression, datetime.now(zone) - timedelta(days=1)))
    except (CronSimError, StopIteration) as problem:
        raise ValueError(f"schedule {text!r}: {problem or 'it never comes'}") from problem
    return Cron(expression, zone)
