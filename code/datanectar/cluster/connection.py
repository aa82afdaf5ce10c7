"""Clients of the Dask cluster that the settings name, or of one that this process starts.

``distributed`` is an extra: it is imported when a cluster is asked for, and not before.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import cache
from typing import Any

from datanectar.cores import available_cores
from datanectar.errors import ChainError, EngineLost
from datanectar.settings import current

#: Seconds that one try to reach a scheduler takes.
_TRY = 5.0
#: Set in the process of a task that runs on a Dask worker: told before the task uses the cluster
#: itself, so that it does not wait for a slot that it holds.
before_use: list[Callable[[], None]] = []


def distributed() -> Any:
    """Return the library.

    Raises:
        ChainError: when it is not installed, with what to do.
    """
    try:
        import distributed
    except ImportError as problem:
        raise ChainError(
            "Dask is not installed here: pip install 'datanectar[dask]', or set "
            "DATANECTAR_ENGINE=processes."
        ) from problem
    logging.getLogger("distributed").setLevel(logging.WARNING)
    return distributed


def connect(address: str, *, is_default: bool = False) -> Any:
    """Return a client of the scheduler at an address; close it after use.

    Args:
        address: such as ``tcp://10.0.0.5:8786``.
        is_default: whether Dask's collections in this process shall use it.

    Raises:
        EngineLost: when there is none, or it can't be used from here.
    """
    try:
        return distributed().Client(address, timeout=_TRY, set_as_default=is_default)
    except (OSError, ValueError, ImportError) as problem:
        words = str(problem) or type(problem).__name__
        raise EngineLost(
            f"Dask's scheduler at {address} can't be reached: {words:.300}"
        ) from problem


def start_local(*, is_default: bool = False) -> Any:
    """Start a cluster within this process, for a machine without one; return a client of it.

    It has one worker with all cores and all memory, as the needs of a task are compared with them.
    It ends with this process.

    Args:
        is_default: as for :func:`connect`.
    """
    library, cores = distributed(), available_cores()
    memory = library.system.MEMORY_LIMIT
    cluster = library.LocalCluster(
        n_workers=1,
        threads_per_worker=cores,
        processes=False,
        protocol="tcp://",
        host="127.0.0.1",
        dashboard_address="127.0.0.1:0",
        memory_limit=memory,
        resources={"cpus": cores, "memory": memory},
    )
    return library.Client(cluster, set_as_default=is_default)


@cache
def client_of_process(pid: int) -> Any:
    """Return the client that all tasks of the process with this pid share: ``self.dask``.

    A task on a Dask worker gets a client of that worker's cluster.

    Args:
        pid: this process's; a fork needs a client of its own.
    """
    for tell in before_use:
        tell()
    address = current().dask_scheduler
    return connect(address, is_default=True) if address else start_local(is_default=True)
