"""The history: lists of runs, and the removal of what is old."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from sqlalchemy import ColumnElement, TextClause, select, text

from datanectar.errors import BadRequest
from datanectar.runs.ids import RUN_ID, first_id_after, first_id_since
from datanectar.runs.records import Run
from datanectar.runs.statistics.names import has_part
from datanectar.runs.tables import (
    OF_BACKFILL,
    RUN_COLUMNS,
    StoreBase,
    as_json,
    runs,
    to_record,
)


@dataclass(frozen=True)
class RunFilters:
    """Which runs to list; a filter that is None passes every run.

    ``since`` and ``until`` are Unix stamps, both inclusive, of when a run was accepted. ``param``
    has the texts of parameters by name; each must be equal. Private parameters never match. ``parts``
    has, by ``type``, ``chain`` or ``task``, what the name must contain, in small or large letters.
    ``backfill`` is the id of the one that started them; ``types``: a run is of one of these.
    """

    type: str | None = None
    chain: str | None = None
    task: str | None = None
    status: str | None = None
    key: str | None = None
    backfill: str | None = None
    types: Sequence[str] | None = None
    since: float | None = None
    until: float | None = None
    param: Mapping[str, str] = field(default_factory=dict)
    parts: Mapping[str, str] = field(default_factory=dict)


class History(StoreBase):
    """Runs, newest first."""

    def list_runs(
        self, filters: RunFilters, *, cursor: str | None, limit: int
    ) -> tuple[list[Run], str | None]:
        """Return a page of the runs that pass ``filters``, newest first.

        Paged by id: a late page costs no more than the first, and a run that is accepted meanwhile
        shifts no page.

        Args:
            cursor: as returned with the previous page; None for the first page.
            limit: how many runs a page has at most.

        Returns:
            The runs, and the cursor of the next page or None at the end.

        Raises:
            BadRequest: when the cursor is not one that this returned.
        """
        if cursor is not None and not RUN_ID.match(cursor):
            raise BadRequest(
                f"{cursor[:100]!r} is not a cursor: send the one that came with the page before."
            )
        conditions = self.conditions(filters)
        if cursor is not None:
            conditions.append(runs.c.id < cursor)
        page = select(*RUN_COLUMNS).where(*conditions).order_by(runs.c.id.desc()).limit(limit + 1)
        with self._db.read() as connection:
            found = [to_record(Run, row) for row in connection.execute(page).mappings()]
        return found[:limit], found[limit - 1].id if len(found) > limit else None

    def conditions(self, filters: RunFilters) -> list[ColumnElement[bool] | TextClause]:
        """Return the SQL of the filters."""
        conditions: list[ColumnElement[bool] | TextClause] = [
            runs.c[name] == getattr(filters, name)
            for name in ("type", "chain", "task", "status", "key")
            if getattr(filters, name) is not None
        ]
        conditions += [has_part(self._db, *part) for part in filters.parts.items()]
        if filters.types is not None:
            conditions.append(runs.c.type.in_(filters.types))
        if filters.backfill is not None:
            own = runs.c.trigger == f"backfill {filters.backfill}"
            conditions += [text(OF_BACKFILL), own]  # so that the partial index is used
        # A run's id holds the time at which it was accepted; the list is ordered by it.
        if filters.since is not None:
            conditions.append(runs.c.id >= first_id_since(filters.since))
        if filters.until is not None:
            conditions.append(runs.c.id < first_id_after(filters.until))
        for name, value in filters.param.items():
            # No value can contain this text: quotes within a value are escaped in the JSON.
            pair = f"{as_json(name)}: {as_json(value)}"
            conditions.append(self._db.contains(runs.c.public_params, pair))
        return conditions
