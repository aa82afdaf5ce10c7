"""A client of the HTTP API, for programs and for the command line."""

from datanectar.client.client import Client
from datanectar.client.result import Result
from datanectar.client.run import Run, RunFailed, status_key

__all__ = ["Client", "Result", "Run", "RunFailed", "status_key"]
