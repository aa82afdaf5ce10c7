"""``datanectar rerun``, ``cancel`` and ``drop``."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import click

from datanectar.cli.exit_codes import FAILED
from datanectar.cli.options import echo_json, json_option, with_client
from datanectar.cli.runs.run import follow_to_end
from datanectar.cli.terminal import echo
from datanectar.errors import Conflict, NotFound
from datanectar.statuses import ACTIVE, DONE

if TYPE_CHECKING:
    from datanectar.client import Client


@click.command()
@click.argument("run_id", metavar="RUN")
@click.option("--force", is_flag=True, help="Make the result again that is there: it is dropped.")
@click.option("--upstream", is_flag=True, help="As --force, and all that the run required, too.")
@with_client
@json_option
def rerun(client: Client, run_id: str, force: bool, upstream: bool, as_json: bool) -> None:
    """Run again what a RUN was for, follow its log, and end as it ends (exit code 0 or 1).

    A run that failed goes on at the step that failed. Of one that is done the result is there:
    --force drops and makes it again. Logs and history are kept.
    """
    run = client.run_record(run_id)
    path = f"{run['type']}/{run['chain']}/{run['task']}"
    if run["job_status"] in ACTIVE:
        raise Conflict(f"Run {run['id']} is {run['job_status']}: cancel it first, or wait for it.")
    _check_key(client, path, run)
    if force or upstream:
        _drop(client, [run["key"]])
        for key in _keys_below(run) if upstream else []:
            try:
                _drop(client, [key])
            except Conflict as problem:  # an author's own files, or another run needs it
                echo(f"kept {key}: {problem.message}", err=True)
    elif run["job_status"] == DONE and client.status(run["key"])["job_status"] == DONE:
        echo(f"The result of run {run['id']} is there; --force makes it again.", err=True)
    follow_to_end(client, client.post(path, **run["parameters"]), as_json)


@click.command()
@click.argument("run_id", metavar="RUN")
@with_client
@json_option
def cancel(client: Client, run_id: str, as_json: bool) -> None:
    """Stop a RUN, or keep it from starting."""
    run = client.cancel(run_id)
    if as_json:
        echo_json(run)
    else:
        echo(f"Run {run['id']} is {run['job_status']}, and told to stop.", err=True)


@click.command()
@click.argument("keys", metavar="KEY...", nargs=-1, required=True)
@with_client
@json_option
def drop(client: Client, keys: tuple[str, ...], as_json: bool) -> None:
    """Delete the results of KEYs, so that the next run makes them again; logs and history stay.

    A key is as `datanectar show` has it: chains/TYPE/CHAIN/TASK/MD5. Exit code 1 when one had none.
    """
    dropped = _drop(client, list(keys))
    if as_json:
        echo_json(dropped)
    sys.exit(FAILED if not all(dropped.values()) else 0)


def _drop(client: Client, keys: list[str]) -> dict[str, list[str]]:
    """Drop what is there; return the names of the deleted files by key."""
    dropped: dict[str, list[str]] = {}
    for key in keys:
        try:
            dropped[key] = client.drop(key)
        except NotFound:
            dropped[key] = []
        names = ", ".join(dropped[key]) or "no result there"
        echo(f"dropped {key}: {names}", err=True)
    return dropped


def _keys_below(run: dict[str, Any]) -> list[str]:
    """Return the keys of what the run required."""
    nodes = run["graph"]["nodes"]
    return [node["key"] for node in nodes if node["key"] and node["key"] != run["key"]]


def _check_key(client: Client, path: str, run: dict[str, Any]) -> None:
    """Refuse when the same parameters mean another key by now.

    Raises:
        Conflict: saying why: the run date, private parameters, or a changed chain.
    """
    key = client.explain(path, **run["parameters"])["key"]
    if key != run["key"]:
        raise Conflict(
            f"Run {run['id']} made {run['key']}. The same parameters now mean {key}: another day or "
            f"version, or parameters that are not shown. Ask for it anew: datanectar run {path}"
        )
