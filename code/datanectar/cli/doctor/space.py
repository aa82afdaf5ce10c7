"""Checks of the space that the run store takes, and of what lets old things go."""

from __future__ import annotations

from collections.abc import Iterator

from datanectar.cli.doctor.finding import GOOD, NOTICE, Finding
from datanectar.cli.retention.display import shown_size
from datanectar.errors import DatanectarError
from datanectar.settings import Settings, sqlite_file

#: Free space that is worth to be given back: in bytes, and as a part of the whole.
_MUCH, _PART = 100_000_000, 0.25
#: Bytes from which on a run store is worth to be looked at.
_LARGE = 20_000_000_000


def check_space(settings: Settings) -> Iterator[Finding]:
    """Measure what the run store takes, and what of it is free; nothing where it can't be reached."""
    from datanectar.database import Database
    from datanectar.retention.space import Space, space_of

    url = settings.database_url
    is_sqlite = url.startswith("sqlite")
    if is_sqlite and not sqlite_file(url).exists():
        return
    try:
        database = Database(url)
        space: Space = space_of(database)
        database.close()
    except DatanectarError:  # the check of the run store says so
        return
    message = f"{shown_size(space.total)}, of which {shown_size(space.free)} are free"
    if space.free > _MUCH and space.part > _PART:
        yield Finding(NOTICE, "space", message, _cure_of_free(is_sqlite))
    elif space.total > _LARGE:
        cure = "Keep fewer runs: DATANECTAR_KEEP_RUNS_DAYS, DATANECTAR_KEEP_RUNS_MOST."
        yield Finding(NOTICE, "space", message, cure)
    else:
        yield Finding(GOOD, "space", message)


def _cure_of_free(is_sqlite: bool) -> str:
    if is_sqlite:
        return "`datanectar purge runs --vacuum` gives it back; writes wait meanwhile."
    return (
        "Autovacuum lags behind: VACUUM (ANALYZE) runs, tasks; and for these tables set "
        "autovacuum_vacuum_scale_factor to 0.02."
    )
