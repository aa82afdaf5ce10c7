"""Check of the engine: that Dask's scheduler responds, and that its workers have what is here."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.util import find_spec

from datanectar.cli.doctor.finding import BAD, GOOD, NOTICE, Finding
from datanectar.errors import DatanectarError
from datanectar.settings import Settings

_SAME = "Install the same versions on the workers as here."


def check_engine(settings: Settings) -> Iterator[Finding]:
    """Check the Dask cluster; nothing where tasks run in processes and no cluster is named."""
    if settings.engine != "dask" and not settings.dask_scheduler:
        return
    if find_spec("distributed") is None:
        cure = "pip install 'datanectar[dask]', or set DATANECTAR_ENGINE=processes"
        yield Finding(BAD, "Dask", "distributed is not installed", cure)
    elif not settings.dask_scheduler:
        yield Finding(GOOD, "Dask", "each run that needs a cluster starts one on this host")
    else:
        yield from _look_at(settings.dask_scheduler)


def _look_at(address: str) -> Iterator[Finding]:
    from datanectar.cluster.connection import connect
    from datanectar.cluster.versions import differences

    try:
        client = connect(address)
    except DatanectarError as problem:
        cure = "Start it (`dask scheduler`), or correct DATANECTAR_DASK_SCHEDULER."
        yield Finding(BAD, "Dask", problem.message, cure)
        return
    with client:
        info = client.sync(client.scheduler.identity, n_workers=-1)
        threads = info["total_threads"]
        message = f"{address}: {info['n_workers']} workers, {threads} tasks at a time"
        start = "Start a worker (`dask worker`): tasks wait until there is one."
        yield Finding(GOOD if threads else NOTICE, "Dask", message, None if threads else start)
        for words in differences(client):
            yield Finding(NOTICE, "Dask workers", words, _SAME)
