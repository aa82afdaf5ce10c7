"""Which versions of the code may work with a store that a newer one has brought to its schema.

For the length of a deployment two versions share a store. A migration that only adds lets the code
before it go on, so each version notes in the store the oldest revision whose code can.
"""

from __future__ import annotations

from sqlalchemy import Column, Connection, Table, Text, delete, insert, inspect, select

from datanectar.runs.tables import HEAD, metadata

#: The oldest revision whose code works with a store at ``HEAD``. A migration that takes something
#: away, or means something else by it, puts its own number here.
OLDEST = "0003"

#: One row, written by the newest version that has migrated the store.
compatibility = Table("compatibility", metadata, Column("oldest", Text, primary_key=True))


def note(connection: Connection) -> None:
    """Write which code may work with the store, now that it is at ``HEAD``."""
    connection.execute(delete(compatibility))
    connection.execute(insert(compatibility).values(oldest=OLDEST))


def allows_this_version(connection: Connection) -> bool:
    """Tell whether the newer version that migrated the store says that this one may work with it."""
    if not inspect(connection).has_table(compatibility.name):
        return False
    oldest = connection.execute(select(compatibility.c.oldest)).scalar()
    return oldest is not None and oldest <= HEAD
