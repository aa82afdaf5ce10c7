"""``datanectar worker --drain``: workers on any host take no more runs, finish theirs, and end."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import click

from datanectar import settings as settings_module
from datanectar.cli.operations.project_store import project_store
from datanectar.errors import BadRequest, NotFound

if TYPE_CHECKING:
    from datanectar.runs.records import WorkerRow
    from datanectar.runs.store import RunStore

#: Seconds between two looks, and without a heartbeat after which a worker counts as lost; a worker
#: writes one every 2 s.
_LOOK, _LOST = 0.5, 10.0


def drain_workers(names: tuple[str, ...]) -> None:
    """Tell workers to drain, and return when they have ended; say so of each.

    Args:
        names: of hosts or ids of workers; none: this host.

    Raises:
        NotFound: when a name is that of no living worker.
        BadRequest: when one of them is of a version that can't drain; then none is told to.
    """
    settings = settings_module.load()
    store = project_store(settings)
    lost_after = max(settings.heartbeat_timeout, _LOST)
    chosen = _chosen(store.living_workers(lost_after), names or (settings.node,))
    for worker in chosen:
        store.drain_worker(worker.id)
        held = len(store.held_by(worker.id))
        click.echo(f"{worker.id} takes no more runs; {held} to end.", err=True)
    _wait({worker.id for worker in chosen}, store, lost_after)


def _chosen(living: list[WorkerRow], names: tuple[str, ...]) -> list[WorkerRow]:
    for name in names:
        if not any(name in _names(worker) for worker in living):
            there = ", ".join(sorted({_names(worker)[1] for worker in living})) or "none"
            raise NotFound(f"No worker works on {name!r}. Hosts with workers: {there}.")
    chosen = [worker for worker in living if set(_names(worker)) & set(names)]
    for worker in chosen:
        if worker.version is None:
            raise BadRequest(
                f"{worker.id} is of a version of datanectar that can't drain: stop it by SIGTERM; "
                "what has not ended after its DATANECTAR_GRACE is put back on the queue."
            )
    return chosen


def _names(worker: WorkerRow) -> tuple[str, str]:
    """Return a worker's id, and its host's name: an id is ``<host>-<pid>-<random>``."""
    return worker.id, worker.id.rsplit("-", 2)[0]


def _wait(ids: set[str], store: RunStore, lost_after: float) -> None:
    while ids:
        living = {worker.id for worker in store.living_workers(lost_after)}
        listed = {worker.id for worker in store.workers()}
        for gone in sorted(ids - living):
            how = "is lost; its runs go to others" if gone in listed else "has ended"
            click.echo(f"{gone} {how}.", err=True)
        ids &= living
        time.sleep(_LOOK if ids else 0)
