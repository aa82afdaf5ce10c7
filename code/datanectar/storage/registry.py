"""Which store is meant: by its name in a record, or by the settings."""

from __future__ import annotations

from functools import lru_cache

from datanectar import settings as all_settings
from datanectar.errors import StorageError
from datanectar.settings import Settings
from datanectar.storage.base import Storage

_S3 = "s3://"


def default_name(settings: Settings) -> str:
    """Return the name of the store that ``NectarTask`` writes to: ``local`` or ``s3``."""
    return "local" if settings.is_local else "s3"


def store_address(name: str) -> str:
    """Return the store of that name as a record keeps it: ``local``, or ``s3://<bucket>``.

    The bucket's name comes from ``ENV``: what was put into one is still there when that changes.
    """
    return f"{_S3}{all_settings.current().bucket}" if name == "s3" else name


def kind_of(name: str) -> str:
    """Return ``local`` or ``s3`` for a store's name or address."""
    return "s3" if name.startswith(_S3) else name


def bucket_of(name: str) -> str | None:
    """Return the bucket that a store's name or address means, or None for the local one."""
    return store_address(name).removeprefix(_S3) if kind_of(name) == "s3" else None


def log_store(name: str) -> str:
    """Return the store that the spooled logs of a run go to whose own store has that name.

    Tasks of a run that keeps its result here may write to S3: to the bucket that the settings name.
    """
    return name if kind_of(name) == "s3" else "s3"


def storage_named(name: str) -> Storage:
    """Return this process's store of that name or address, with the settings in force.

    Args:
        name: ``local``, ``s3`` (the bucket that the settings name), or ``s3://<bucket>``.

    Raises:
        StorageError: when ``name`` is anything else.
    """
    return _made(store_address(name), all_settings.current())


@lru_cache(maxsize=16)
def _made(address: str, settings: Settings) -> Storage:
    # Each store is imported only where it is used, which keeps local processes small.
    if address == "local":
        from datanectar.storage.local import LocalStorage

        return LocalStorage(settings.local_targets)
    bucket = address.removeprefix(_S3)
    if address.startswith(_S3) and bucket:
        from datanectar.storage.s3 import S3Storage

        return S3Storage(settings, bucket)
    raise StorageError(f"There is no store {address!r}: a result is kept in 'local' or 's3'.")
