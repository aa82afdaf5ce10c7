"""The service of this folder's project, for commands that work without a running app."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from datanectar.errors import StartupError
from datanectar.settings import Settings

if TYPE_CHECKING:
    from datanectar.service.service import Service


def settings_of_project() -> Settings:
    """Return the settings of this folder's project, and keep them for this process.

    Raises:
        StartupError: when the folder is in no project.
    """
    from datanectar import settings as settings_module
    from datanectar.permissions import private_folder

    settings = settings_module.load()
    if not settings.chains.is_dir():
        raise StartupError(
            f"There is no folder {settings.chains}: start in a project that has code/chains, or name "
            "it with DATANECTAR_PROJECT or DATANECTAR_CHAINS."
        )
    settings_module.keep(settings)
    private_folder(settings.state)
    return settings


@contextmanager
def service_of_project() -> Iterator[Service]:
    """Give the service of the project for the block, with children of its own."""
    from datanectar.child_pool import ChildPool
    from datanectar.luigid.client import Luigid
    from datanectar.queue import RunQueue
    from datanectar.runs.store import RunStore
    from datanectar.service.service import Service

    settings = settings_of_project()
    store = RunStore(settings.database_url)
    store.prepare()
    children = ChildPool(settings, ahead=0)
    children.start()
    try:
        yield Service(
            settings,
            store=store,
            queue=RunQueue(settings.queue_url),
            children=children,
            luigid=Luigid(settings.luigid_url, settings.state),
        )
    finally:
        children.close()
        store.close()
