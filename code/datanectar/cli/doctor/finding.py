"""What a check of ``datanectar doctor`` finds."""

from __future__ import annotations

from dataclasses import dataclass

#: All is well; worth knowing; something does not work.
GOOD, NOTICE, BAD = "ok", "note", "FAIL"


@dataclass(frozen=True)
class Finding:
    """One result of a check: what was looked at, how that is, and what to do about it."""

    level: str
    subject: str
    message: str
    cure: str | None = None
