"""The run store of this folder's project, for commands that need no running app."""

from __future__ import annotations

from typing import TYPE_CHECKING

from datanectar.errors import NotFound
from datanectar.settings import Settings

if TYPE_CHECKING:
    from datanectar.runs.store import RunStore


def project_store(settings: Settings) -> RunStore:
    """Return the project's run store, which has to be there.

    Raises:
        NotFound: when it is a file that is not there.
    """
    from datanectar.runs.store import RunStore

    store = RunStore(settings.database_url)
    file = store.database.file
    if file is not None and not file.exists():
        raise NotFound(
            f"There is no run store {file}: call this in the project's folder, or name the project "
            "with DATANECTAR_PROJECT, the store with DATANECTAR_DATABASE_URL."
        )
    store.prepare()
    return store
