"""The service of this folder's project, for commands that work without a running app."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datanectar.service.service import Service


@contextmanager
def service_of_project() -> Iterator[Service]:
    """Give the service of the project for the block, with children of its own."""
    from datanectar import settings as settings_module
    from datanectar.child_pool import ChildPool
    from datanectar.luigid.client import Luigid
    from datanectar.permissions import private_folder
    from datanectar.queue import RunQueue
    from datanectar.runs.store import RunStore
    from datanectar.service.service import Service

    settings = settings_module.load()
    settings_module.keep(settings)
    private_folder(settings.state)
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
