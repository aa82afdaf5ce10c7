"""The store of backfills, in the database of the run store. What is written twice changes nothing."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from sqlalchemy import (
    ColumnElement,
    Connection,
    Update,
    and_,
    case,
    delete,
    exists,
    func,
    insert,
    or_,
    select,
    update,
)

from datanectar.backfills.records import Backfill, Counts, Item
from datanectar.backfills.tables import BACKFILL_COLUMNS, ITEM_COLUMNS, backfills, items
from datanectar.database import now
from datanectar.errors import BadRequest, Conflict
from datanectar.runs.ids import RUN_ID
from datanectar.runs.records import Run
from datanectar.runs.tables import StoreBase, runs, workers
from datanectar.statuses import CANCELLED, DONE, ENDED, FAILED, PENDING, RUNNING


class BackfillStore(StoreBase):
    """Backfills and their items. Any method may raise :class:`~datanectar.errors.Unavailable`."""

    def create(
        self, new: Backfill, its_items: Sequence[Item], fingerprint: str
    ) -> tuple[Backfill, bool]:
        """Store a backfill, unless one with its fingerprint goes on.

        Returns:
            The backfill, and True when it is new; else the one that goes on, and False.
        """
        row = self._db.insert(backfills).values(fingerprint=fingerprint, **vars(new))
        once = row.on_conflict_do_nothing().returning(backfills.c.id)
        same = and_(backfills.c.fingerprint == fingerprint, backfills.c.status == RUNNING)
        with self._db.write() as connection:
            # PostgreSQL may need another round: the one that went on has ended meanwhile.
            while connection.execute(once).first() is None:
                if known := _one(connection, same):
                    return known, False
            connection.execute(insert(items), [vars(item) for item in its_items])
            _finish(connection, new.id)  # when there is nothing to do
            return _one(connection, backfills.c.id == new.id) or new, True

    # --- look up ---------------------------------------------------------------------------

    def get(self, backfill_id: str) -> Backfill | None:
        """Return the backfill, or None if there is none of that id."""
        if not RUN_ID.match(backfill_id):
            return None
        with self._db.read() as connection:
            return _one(connection, backfills.c.id == backfill_id)

    def page(self, *, cursor: str | None, limit: int) -> tuple[list[Backfill], str | None]:
        """Return a page of the backfills, newest first, and the cursor of the next page or None.

        Raises:
            BadRequest: when the cursor is not one that this returned.
        """
        query = select(*BACKFILL_COLUMNS).order_by(backfills.c.id.desc()).limit(limit + 1)
        if cursor is not None:
            if not RUN_ID.match(cursor):
                raise BadRequest(
                    f"{cursor[:100]!r} is not a cursor: send the one that came with the page before.",
                    fields={"cursor": "not one that this app gave out"},
                )
            query = query.where(backfills.c.id < cursor)
        with self._db.read() as connection:
            found = [Backfill(**row) for row in connection.execute(query).mappings()]
        return found[:limit], found[limit - 1].id if len(found) > limit else None

    def counts(self, backfill_ids: Iterable[str]) -> dict[str, Counts]:
        """Return how many items each backfill has, by status."""
        ids = list(backfill_ids)
        counted = (
            select(items.c.backfill_id, items.c.status, items.c.was_there, func.count())
            .where(items.c.backfill_id.in_(ids))
            .group_by(items.c.backfill_id, items.c.status, items.c.was_there)
        )
        found = {backfill_id: Counts({}, 0) for backfill_id in ids}
        with self._db.read() as connection:
            for backfill_id, status, was_there, count in connection.execute(counted):
                known = found[backfill_id]
                by_status = {**known.by_status, status: known.of(status) + count}
                there = known.there + (count if was_there else 0)
                found[backfill_id] = Counts(by_status, there)
        return found

    def items(self, backfill_id: str, *statuses: str, limit: int | None = None) -> list[Item]:
        """Return a backfill's items in order: all, or those with one of the statuses."""
        query = select(*ITEM_COLUMNS).where(items.c.backfill_id == backfill_id)
        if statuses:
            query = query.where(items.c.status.in_(statuses))
        with self._db.read() as connection:
            rows = connection.execute(query.order_by(items.c.number).limit(limit)).mappings()
            return [Item(**row) for row in rows]

    def active(self) -> list[Backfill]:
        """Return the backfills that go on, oldest first."""
        query = select(*BACKFILL_COLUMNS).where(backfills.c.status == RUNNING)
        with self._db.read() as connection:
            rows = connection.execute(query.order_by(backfills.c.id)).mappings()
            return [Backfill(**row) for row in rows]

    # --- drive -----------------------------------------------------------------------------

    def hold(self, backfill_id: str, owner: str, seconds: float) -> bool:
        """Hold a backfill, or go on holding it; return whether the caller holds it.

        It is free when its hold has ended, or its holder is no registered worker any more.

        Args:
            backfill_id: the backfill.
            owner: the caller's id as a worker.
            seconds: for how long only the caller may drive it.
        """
        lives = exists().where(workers.c.id == backfills.c.owner)
        free = or_(
            backfills.c.owner.is_(None), backfills.c.owner == owner, backfills.c.held_until < now()
        )
        held = update(backfills).where(backfills.c.id == backfill_id, or_(free, ~lives))
        with self._db.write() as connection:
            held = held.values(owner=owner, held_until=now() + seconds)
            return connection.execute(held).rowcount == 1

    def note_ends(self, backfill_id: str) -> None:
        """Give the items whose runs have ended the ends of these; one whose run is gone waits again."""
        of_item = and_(runs.c.id == items.c.run_id, items.c.backfill_id == backfill_id)
        ended = (
            select(items.c.number, items.c.run_id, runs.c.status, runs.c.error)
            .join_from(items, runs, of_item, isouter=True)
            .where(items.c.backfill_id == backfill_id, items.c.status == RUNNING)
            .where(or_(runs.c.status.in_(ENDED), runs.c.id.is_(None)))
        )
        with self._db.read() as connection:
            rows = connection.execute(ended).all()
        if not rows:
            return
        with self._db.write() as connection:
            for number, run_id, status, error in rows:
                item = update(items).where(
                    items.c.backfill_id == backfill_id,
                    items.c.number == number,
                    items.c.status == RUNNING,
                    items.c.run_id == run_id,
                )
                error = None if status == DONE else error
                connection.execute(item.values(status=status or PENDING, error=error))

    def note_run(self, item: Item, connection: Connection, run: Run) -> None:
        """Note, in the transaction that stores an item's run, that it has one.

        Raises:
            Conflict: when the item does not wait any more; then no run is to be stored.
        """
        values = {"status": RUNNING, "run_id": run.id, "key": run.key, "error": None}
        if not connection.execute(_waiting(item).values(values)).rowcount:
            raise Conflict(f"Item {item.number} of backfill {item.backfill_id} waits no more.")

    def settle(self, item: Item) -> None:
        """Store what became of an item that waited; nothing if it does not wait any more."""
        values = {name: value for name, value in vars(item).items() if name != "params"}
        with self._db.write() as connection:
            connection.execute(_waiting(item).values(values))

    def leave(self, item: Item) -> None:
        """End an item as CANCELLED whose run is of somebody else, and goes on."""
        left = update(items).where(_is(item), items.c.status == RUNNING)
        with self._db.write() as connection:
            connection.execute(left.values(status=CANCELLED))

    def finish(self, backfill_id: str) -> None:
        """End a backfill if each of its items has ended."""
        with self._db.write() as connection:
            _finish(connection, backfill_id)

    # --- change ----------------------------------------------------------------------------

    def cancel(self, backfill_id: str) -> None:
        """Cancel the items that wait; its driver cancels the runs. Nothing if it has ended."""
        going_on = update(backfills).where(
            backfills.c.id == backfill_id, backfills.c.status == RUNNING
        )
        with self._db.write() as connection:
            if not connection.execute(going_on.values(cancel_requested=True)).rowcount:
                return
            waiting = update(items).where(items.c.backfill_id == backfill_id)
            waiting = waiting.where(items.c.status == PENDING)
            connection.execute(waiting.values(status=CANCELLED))
            _finish(connection, backfill_id)

    def retry(self, backfill_id: str) -> int:
        """Let the items that failed or were cancelled wait again; return how many these are.

        Raises:
            Conflict: while the backfill is being cancelled, or another one for the same goes on.
        """
        with self._db.write() as connection:
            _refuse_retry(connection, backfill_id)
            ended = items.c.status.in_((FAILED, CANCELLED))
            again = update(items).where(items.c.backfill_id == backfill_id, ended)
            count = connection.execute(again.values(status=PENDING, error=None)).rowcount
            if count:
                goes_on = update(backfills).where(backfills.c.id == backfill_id)
                values = {"status": RUNNING, "finished": None, "cancel_requested": False}
                connection.execute(goes_on.values(values))
            return count

    def purge(self, before: float) -> None:
        """Delete the backfills that ended before a Unix stamp."""
        old = select(backfills.c.id).where(backfills.c.finished < before)
        with self._db.write() as connection:
            connection.execute(delete(items).where(items.c.backfill_id.in_(old)))
            connection.execute(delete(backfills).where(backfills.c.finished < before))


def _is(item: Item) -> ColumnElement[bool]:
    return and_(items.c.backfill_id == item.backfill_id, items.c.number == item.number)


def _waiting(item: Item) -> Update:
    return update(items).where(_is(item), items.c.status == PENDING)


def _one(connection: Connection, condition: ColumnElement[bool]) -> Backfill | None:
    query = select(*BACKFILL_COLUMNS).where(condition)
    row = connection.execute(query).mappings().first()
    return Backfill(**row) if row else None


def _finish(connection: Connection, backfill_id: str) -> None:
    """End a backfill if each of its items has ended; one that failed decides how."""

    def has(*statuses: str) -> ColumnElement[bool]:
        return exists().where(items.c.backfill_id == backfill_id, items.c.status.in_(statuses))

    # Locked first, so that on PostgreSQL the items are those after a retry that was just made.
    locked = select(backfills.c.id).where(backfills.c.id == backfill_id).with_for_update()
    connection.execute(locked).first()
    end = case((has(FAILED), FAILED), (has(CANCELLED), CANCELLED), else_=DONE)
    goes_on = and_(backfills.c.id == backfill_id, backfills.c.status == RUNNING)
    ended = update(backfills).where(goes_on, ~has(PENDING, RUNNING))
    connection.execute(ended.values(status=end, finished=now()))


def _refuse_retry(connection: Connection, backfill_id: str) -> None:
    own = backfills.c.id == backfill_id
    columns = (backfills.c.fingerprint, backfills.c.status, backfills.c.cancel_requested)
    fingerprint, status, cancelled = connection.execute(
        select(*columns).where(own).with_for_update()
    ).one()
    if status == RUNNING and cancelled:
        raise Conflict(f"Backfill {backfill_id} is being cancelled: wait for its end.")
    same = and_(backfills.c.fingerprint == fingerprint, backfills.c.status == RUNNING)
    other = connection.execute(select(backfills.c.id).where(same, ~own)).scalar()
    if other is not None:
        raise Conflict(f"Backfill {other} is for the same, and goes on: wait for its end.")
