"""The times that a task's ``schedule`` names: a cron line, and a time zone if it is not UTC."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta, timezone, tzinfo
from zoneinfo import ZoneInfo

from cronsim import CronSim, CronSimError

_FIELDS = 5


@dataclass(frozen=True)
class Cron:
    """``"0 6 * * *"``, or ``"0 6 * * * Europe/Berlin"``: six in the morning there, all year."""

    line: str
    zone: tzinfo

    def latest_due(self, after: float, until: float) -> float | None:
        """Return the last moment named in ``(after, until]``, or None; all are Unix stamps.

        Where clocks are put forward or back, Debian's cron is followed (cronsim's documentation).
        """
        latest = None
        for moment in CronSim(self.line, datetime.fromtimestamp(after, self.zone)):
            if moment.timestamp() > until:
                break
            latest = moment.timestamp()
        return latest

    def next_due(self, after: float) -> float:
        """Return the first moment named after ``after``; both are Unix stamps."""
        moment: datetime = next(CronSim(self.line, datetime.fromtimestamp(after, self.zone)))
        return moment.timestamp()


def parse(text: str) -> Cron:
    """Return the schedule that ``text`` spells.

    Raises:
        ValueError: saying what is wrong with it.
    """
    words = text.split()
    line, rest = " ".join(words[:_FIELDS]), words[_FIELDS:]
    if len(rest) > 1:
        raise ValueError(f"schedule {text!r}: five cron fields, and a time zone if it is not UTC")
    try:
        zone: tzinfo = ZoneInfo(rest[0]) if rest else timezone.utc
    except (KeyError, ValueError, OSError) as problem:
        raise ValueError(f"schedule {text!r}: there is no time zone {rest[0]!r}") from problem
    try:
        next(CronSim(line, datetime.now(zone) - timedelta(days=1)))
    except (CronSimError, StopIteration) as problem:
        raise ValueError(f"schedule {text!r}: {problem or 'it never comes'}") from problem
    return Cron(line, zone)
