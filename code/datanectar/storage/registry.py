"""Which stores there are, and which one is meant: by its name in a record, or by the settings.

A store is one module in this package and one row in :data:`STORES`. It has a name, ``local`` or
``s3``, which authors give as ``storage_name``. Where the settings choose among several stores of
one name, records keep its address, ``s3://<bucket>``: what was put into a bucket is still there when
``ENV`` changes.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

from datanectar import settings as all_settings
from datanectar.errors import StorageError
from datanectar.settings import Settings
from datanectar.storage.base import Storage

LOCAL, S3 = "local", "s3"


@dataclass(frozen=True)
class StoreRow:
    """How the stores of one name are made.

    Args:
        make: makes a store from the settings and its place, the text behind ``://``. Each imports
            its module only when called, which keeps local processes small.
        place: returns the place that the settings name; None: there is one store of this name, and
            its address is the name alone.
    """

    make: Callable[[Settings, str], Storage]
    place: Callable[[Settings], str] | None = None


def _local(settings: Settings, place: str) -> Storage:
    from datanectar.storage.local import LocalStorage

    return LocalStorage(settings.local_targets)


def _s3(settings: Settings, place: str) -> Storage:
    from datanectar.storage.s3 import S3Storage

    return S3Storage(settings, place)


#: Every store, by name. A name is of lower-case letters, digits, ``+``, ``.`` and ``-``.
STORES = {
    LOCAL: StoreRow(_local),
    S3: StoreRow(_s3, place=lambda settings: settings.bucket),
}


def default_name(settings: Settings) -> str:
    """Return the name of the store that ``NectarTask`` writes to: ``local`` or ``s3``."""
    return LOCAL if settings.is_local else S3


def store_address(name: str) -> str:
    """Return the store of that name as a record keeps it: ``local``, or ``s3://<bucket>``.

    An address is returned as it is.
    """
    row = STORES.get(name)
    return f"{name}://{row.place(all_settings.current())}" if row and row.place else name


def name_of(address: str) -> str:
    """Return the store's name, ``local`` or ``s3``, from its name or address."""
    return address.partition("://")[0]


def split_address(address: str) -> tuple[str, str] | None:
    """Return the store's address and the object's name that a file's address is made of.

    ``s3://bucket/a/b.txt`` is ``a/b.txt`` in ``s3://bucket``. None: it is no address of that form.
    """
    name, separator, rest = address.partition("://")
    if not separator or name not in STORES:
        return None
    place, _, object_name = rest.partition("/")
    return f"{name}://{place}", object_name


def is_known(address: str) -> bool:
    """Tell whether there is a store of that name or address."""
    name, separator, place = address.partition("://")
    row = STORES.get(name)
    if row is None or (separator and not place):
        return False
    return row.place is not None or not separator


def is_in_reach(store: str, run_store: str) -> bool:
    """Tell whether tasks of a run may use a store: the run's own, or one that the settings name.

    Both are names or addresses; ``store`` is what a task's process has reported.
    """
    allowed = (run_store, name_of(store))
    return is_known(store) and store_address(store) in map(store_address, allowed)


def log_store(name: str, run_store: str) -> str:
    """Return the store that a task's log is uploaded to.

    Args:
        name: the name of the store that the task writes to; empty when it is not known, as for a
            log that an earlier version left.
        run_store: the name or address of the run's store.
    """
    if name in ("", name_of(run_store)) and run_store != LOCAL:
        return run_store
    return name or S3


def storage_named(name: str) -> Storage:
    """Return this process's store of that name or address, with the settings in force.

    Raises:
        StorageError: when there is no such store.
    """
    return _made(store_address(name), all_settings.current())


@lru_cache(maxsize=16)
def _made(address: str, settings: Settings) -> Storage:
    if not is_known(address):
        names = " or ".join(repr(name) for name in STORES)
        raise StorageError(f"There is no store {address!r}: a result is kept in {names}.")
    name, _, place = address.partition("://")
    return STORES[name].make(settings, place)
