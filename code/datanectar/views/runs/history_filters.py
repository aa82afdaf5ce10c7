"""The filters of the history: what its form and its address say."""

from __future__ import annotations

import contextlib
import dataclasses
from datetime import datetime, timezone
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from flask import request
from werkzeug.datastructures import MultiDict

from datanectar.api.runs import history_filters
from datanectar.errors import BadRequest
from datanectar.runs.store import RunFilters

#: The filters that a chip shows, by the words before their value.
_CHIPS = {
    "status": "",
    "type": "type ",
    "chain": "chain ",
    "task": "task ",
    "param": "",
    "since": "since ",
    "until": "until ",
    "backfill": "backfill ",
}


def run_filters(shown: MultiDict[str, str]) -> tuple[RunFilters, str | None, int]:
    """Return the filters, the cursor and the page size that ``shown`` means.

    Raises:
        BadRequest: naming each that can't be read.
    """
    filters, cursor, limit = history_filters(_with_offsets(shown))
    return _by_parts(filters), cursor, limit


def address(shown: MultiDict[str, str], path: str = "/history", **changes: str | None) -> str:
    """Return the address of the history with changes of its filters; None leaves one out.

    It begins with the newest run, unless ``cursor`` is among the changes.
    """
    changes = {"cursor": None, **changes}
    kept = [pair for pair in shown.items(multi=True) if pair[0] not in changes]
    query = urlencode([*kept, *((name, text) for name, text in changes.items() if text)])
    return f"{path}?{query}" if query else path


def chips(shown: MultiDict[str, str]) -> list[tuple[str, str]]:
    """Return for each filter its words, and the address of the history without it."""
    return [
        (f"{before}{text.lower() if name == 'status' else text}", _without(shown, name, text))
        for name, before in _CHIPS.items()
        for text in shown.getlist(name)
    ]


def _without(shown: MultiDict[str, str], name: str, text: str) -> str:
    kept = [pair for pair in shown.items(multi=True) if pair != (name, text)]
    return address(MultiDict(kept))


def _by_parts(filters: RunFilters) -> RunFilters:
    """Return filters that a part of a name passes; the API's pass whole names."""
    names = {name: getattr(filters, name) for name in ("chain", "task")}
    parts = {name: text for name, text in names.items() if text}
    return dataclasses.replace(filters, chain=None, task=None, parts=parts)


def _with_offsets(filters: MultiDict[str, str]) -> MultiDict[str, str]:
    """Return the filters as the API reads them: times with the offset of the form's time zone.

    Raises:
        BadRequest: when there is no such zone.
    """
    name = filters.get("zone", "UTC")
    try:
        zone = timezone.utc if name == "UTC" else ZoneInfo(name)
    except (ValueError, OSError, KeyError) as problem:
        raise BadRequest(
            f"There is no time zone {name[:50]!r}; one is called like Europe/Berlin.",
            fields={"zone": "a name such as Europe/Berlin"},
        ) from problem
    aware = MultiDict([(name, text) for name, text in filters.items(multi=True) if name != "zone"])
    for field in ("since", "until"):
        with contextlib.suppress(KeyError, ValueError):  # history_filters reports what is no time
            moment = datetime.fromisoformat(aware[field])
            if moment.tzinfo is None:
                aware.setlist(field, [moment.replace(tzinfo=zone).isoformat()])
    return aware


def shown_filters() -> MultiDict[str, str]:
    """Return the filters of the request that are not empty."""
    pairs = ((name, text.strip()) for name, text in request.args.items(multi=True))
    filters = MultiDict([(name, text) for name, text in pairs if text])
    return filters if filters.keys() - {"zone"} else MultiDict()  # a zone alone filters nothing
