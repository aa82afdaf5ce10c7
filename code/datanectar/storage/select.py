"""Which store is meant: by its name in a record, or by the settings."""

from __future__ import annotations

from functools import lru_cache

from datanectar import settings as all_settings
from datanectar.errors import StorageError
from datanectar.settings import Settings
from datanectar.storage.base import Storage


def default_name(settings: Settings) -> str:
    """Return the name of the store that ``NectarTask`` writes to: ``local`` or ``s3``."""
    return "local" if settings.is_local else "s3"


def storage_named(name: str) -> Storage:
    """Return this process's store of that name, with the settings in force.

    Raises:
        StorageError: when ``name`` is neither ``local`` nor ``s3``.
    """
    return _made(name, all_settings.current())


@lru_cache(maxsize=8)
def _made(name: str, settings: Settings) -> Storage:
    # Each store is imported only where it is used, which keeps local processes small.
    if name == "local":
        from datanectar.storage.local import LocalStorage

        return LocalStorage(settings.local_targets)
    if name == "s3":
        from datanectar.storage.s3 import S3Storage

        return S3Storage(settings)
    raise StorageError(f"There is no store {name!r}: a result is kept in 'local' or 's3'.")
