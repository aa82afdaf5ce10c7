"""Luigi task chains as a service."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from datanectar.client import Client as Client
    from datanectar.client.asynchronous import AsyncClient as AsyncClient
    from datanectar.notebook.chain import Chain as Chain
    from datanectar.notebook.run import Result as Result
    from datanectar.notebook.run import RunFailed as RunFailed
    from datanectar.notebook.run import run as run
    from datanectar.util.inputs.external import external as external
    from datanectar.util.inputs.latest import latest as latest
    from datanectar.util.localtask import NectarLocalTask as NectarLocalTask
    from datanectar.util.nectartask import NectarTask as NectarTask
    from datanectar.util.s3task import NectarS3Task as NectarS3Task

__all__ = [
    "AsyncClient",
    "Chain",
    "Client",
    "NectarLocalTask",
    "NectarS3Task",
    "NectarTask",
    "Result",
    "RunFailed",
    "external",
    "latest",
    "run",
]

# Loaded when asked for: the web must not load Luigi, nor a chain's child Flask.
_HOMES = {
    "NectarTask": "datanectar.util.nectartask",
    "NectarLocalTask": "datanectar.util.localtask",
    "NectarS3Task": "datanectar.util.s3task",
    "AsyncClient": "datanectar.client.asynchronous",
    "Client": "datanectar.client",
    "Chain": "datanectar.notebook.chain",
    "Result": "datanectar.notebook.run",
    "RunFailed": "datanectar.notebook.run",
    "run": "datanectar.notebook.run",
    "external": "datanectar.util.inputs.external",
    "latest": "datanectar.util.inputs.latest",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'datanectar' has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)
