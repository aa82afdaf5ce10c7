"""Adds up what processes have counted, so that each web gives the same figures.

A process adds what it has counted every few seconds: what it counts right before it is killed is
not in the figures.
"""

from __future__ import annotations

import json
import logging
import threading
import time
from collections.abc import Mapping

from sqlalchemy import select

from datanectar.counters.tables import event_counts
from datanectar.database import Database
from datanectar.errors import DatanectarError
from datanectar.telemetry import counts
from datanectar.telemetry.counts import Place

log = logging.getLogger(__name__)

#: Seconds between two times that a process adds what it has counted.
INTERVAL = 5.0


class Counters:
    """The counts of all processes.

    Args:
        database: the run store's.
    """

    def __init__(self, database: Database) -> None:
        self._db = database

    def add_own(self) -> None:
        """Add what this process has counted; what can't be added, the process keeps.

        Raises:
            Unavailable: when the database can't be reached.
        """
        own = counts.take()
        if not own:
            return
        try:
            self._add(own)
        except BaseException:
            counts.put_back(own)
            raise

    def _add(self, own: Mapping[Place, float]) -> None:
        insert = self._db.insert(event_counts)
        upsert = insert.on_conflict_do_update(
            index_elements=event_counts.primary_key.columns,
            set_={"count": event_counts.c.count + insert.excluded["count"]},
        )
        rows: list[dict[str, object]] = [
            {"metric": metric, "labels": json.dumps(labels), "count": count}
            for (metric, labels), count in sorted(own.items())  # one order: no deadlocks
        ]
        with self._db.write() as connection:
            connection.execute(upsert, rows)

    def all(self) -> dict[str, dict[tuple[str, ...], float]]:
        """Return the counts by metric and by the values of its labels; this process's are in it."""
        self.add_own()
        found: dict[str, dict[tuple[str, ...], float]] = {}
        with self._db.read() as connection:
            for metric, labels, count in connection.execute(select(event_counts)):
                found.setdefault(metric, {})[tuple(json.loads(labels))] = count
        return found


def add_regularly(counters: Counters) -> None:
    """Add what this process counts every few seconds, in a thread that ends with the process."""

    def loop() -> None:
        while True:
            time.sleep(INTERVAL)
            try:
                counters.add_own()
            except DatanectarError:
                pass  # the next one adds it
            except Exception:
                log.exception("what this process counts is not added up")

    threading.Thread(target=loop, name="counters", daemon=True).start()
