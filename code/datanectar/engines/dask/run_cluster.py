"""A run's connection to a cluster, and what the cluster has to have before its tasks can run."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import Any

from datanectar.cluster import connection
from datanectar.cluster.versions import differences
from datanectar.engines.dask import leases
from datanectar.engines.dask.code_archive import pack
from datanectar.engines.dask.messages import ROOM
from datanectar.errors import EngineLost
from datanectar.settings import current

log = logging.getLogger("luigi-interface")


def connect(report: Callable[..., None]) -> Any:
    """Return a client of the cluster that the settings name, or of one that is started here.

    While the scheduler is away this waits, and the run's status says so.

    Args:
        report: takes what is to be reported of the root.
    """
    address = current().dask_scheduler
    if not address:
        return connection.start_local()
    while True:
        try:
            client = connection.connect(address)
        except EngineLost as problem:
            log.warning("%s", problem.message)
            report(message=f"waits for Dask's scheduler at {address}")
            time.sleep(1)
        else:
            report(message="")
            return client


def prepare(client: Any, name: str, attempt: int) -> str:
    """End what earlier attempts have left there, and bring the run's code; return its digest.

    Args:
        client: the cluster's.
        name: what the run is called there.
        attempt: which attempt this is.
    """
    if attempt > 1:
        _end_earlier_attempts(client, name)
    digest, archive = pack(current().code)
    client.set_metadata([ROOM, name], {"code": archive, "begun": {}})
    for words in differences(client):
        log.warning("Dask's workers differ from this host: %s", words)
    return digest


def _end_earlier_attempts(client: Any, name: str) -> None:
    """Cancel what an earlier attempt has begun; its host may be cut off from here."""
    known = client.get_metadata([ROOM, name], None)
    if not known or not known.get("begun"):
        return
    future = connection.distributed().Future
    futures = [future(key, client) for _, _, key in known["begun"].values()]
    client.cancel(futures, force=True)
    time.sleep(leases.OVER)
