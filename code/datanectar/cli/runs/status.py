"""``datanectar status``: of the app and its parts, of a run, or of a key."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import click

from datanectar.cli.exit_codes import FAILED, OK
from datanectar.cli.options import echo_json, echo_rows, json_option, with_client
from datanectar.cli.runs.history import echo_runs
from datanectar.cli.terminal import echo
from datanectar.statuses import ACTIVE, DONE

if TYPE_CHECKING:
    from datanectar.client import Client

#: The most active runs of each status that are listed.
_MOST_RUNS = 100


@click.command()
@click.argument("name", metavar="[RUN|KEY]", required=False)
@with_client
@json_option
def status(client: Client, name: str | None, as_json: bool) -> None:
    """Tell how the app is, with its parts and the runs that have not ended; or a RUN or KEY.

    Of a RUN or KEY the status alone goes to standard output; the exit code is 1 when it failed, was
    cancelled, or has no result. Of the app it is 1 when a part that runs need is away.
    """
    if name is None:
        sys.exit(_status_of_app(client, as_json))
    is_key = name.startswith("chains/")
    found = client.status(name) if is_key else client.run_record(name)
    if as_json:
        echo_json(found)
    else:
        echo(found["job_status"])
        if found["error"]:
            echo(found["error"], err=True)
    sys.exit(OK if found["job_status"] in (*ACTIVE, DONE) else FAILED)


def _status_of_app(client: Client, as_json: bool) -> int:
    parts = client.transport.call("GET", "/readyz")
    active = [run for each in ACTIVE for run in _runs(client, each)]
    if as_json:
        echo_json({"url": client.url, **parts, "active": active})
    else:
        said = {name: part["reason"] or "ok" for name, part in parts["parts"].items()}
        rows = [("app", client.url), *said.items(), ("workers", parts["workers"])]
        echo_rows([*rows, ("active runs", len(active))], "part", "status")
        if active:
            click.echo()
            echo_runs(active)
    is_well = parts["workers"] and all(part["ok"] for part in parts["parts"].values())
    return OK if is_well else FAILED


def _runs(client: Client, status: str) -> list[dict[str, Any]]:
    return list(client.runs(status=status, limit=_MOST_RUNS)["runs"])
