"""``datanectar rerun``, ``cancel`` and ``drop``."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from datanectar.cli.exit_codes import FAILED
from datanectar.cli.options import echo_json, json_option, with_client
from datanectar.cli.runs.run import follow_to_end
from datanectar.cli.terminal import echo
from datanectar.errors import NotFound
from datanectar.statuses import DONE

if TYPE_CHECKING:
    from datanectar.client import Client


@click.command()
@click.argument("run", metavar="RUN|KEY")
@click.option("--force", is_flag=True, help="Make the result again that is there: it is dropped.")
@click.option("--upstream", is_flag=True, help="As --force, and all that the run required, too.")
@with_client
@json_option
def rerun(client: Client, run: str, force: bool, upstream: bool, as_json: bool) -> None:
    """Run again what a RUN was for, follow its log, and end as it ends (exit code 0 or 1).

    Parameters, run date and key are those of the run; of a KEY, of its latest run. A run that failed
    goes on at the step that failed. Of one that is done the result is there: --force drops and makes
    it again. Logs and history are kept.
    """
    run_id = _latest_run(client, run) if run.startswith("chains/") else run
    accepted = client.rerun(run_id, force=force, upstream=upstream)
    for key, files in accepted["dropped"].items():
        echo(f"dropped {key}: {', '.join(files)}", err=True)
    for key, reason in accepted["kept"].items():
        echo(f"kept {key}: {reason}", err=True)
    if accepted["job_status"] == DONE and not (force or upstream):
        echo(f"The result of run {run_id} is there; --force makes it again.", err=True)
    follow_to_end(client, accepted, as_json)


def _latest_run(client: Client, key: str) -> str:
    """Return the id of the latest run of a key.

    Raises:
        NotFound: when no run was for that key; it names the run that made it on its way.
    """
    key = "/".join(key.rstrip("/").split("/")[:5])
    runs = client.runs(key=key, limit=1)["runs"]
    if runs:
        return str(runs[0]["id"])
    other = client.status(key)["run_id"]
    way = f": run {other} made it on its way. `datanectar rerun {other}`" if other else ""
    raise NotFound(f"No run was for {key}{way}")


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
@click.option(
    "--downstream", is_flag=True, help="And all that was made from them; `lineage` lists it."
)
@with_client
@json_option
def drop(client: Client, keys: tuple[str, ...], downstream: bool, as_json: bool) -> None:
    """Delete the results of KEYs, so that the next run makes them again; logs and history stay.

    A key is as `datanectar show` has it: chains/TYPE/CHAIN/TASK/MD5. Exit code 1 when one had none.
    """
    dropped = (_drop_all if downstream else _drop)(client, list(keys))
    if as_json:
        echo_json(dropped)
    sys.exit(FAILED if not all(dropped.values()) else 0)


def _drop_all(client: Client, keys: list[str]) -> dict[str, list[str]]:
    """Drop what is there and all that was made from it; return the names of the files by key."""
    dropped: dict[str, list[str]] = {}
    for key in keys:
        try:
            found = client.drop_with_downstream(key)
        except NotFound as problem:
            if key not in dropped:  # it went with another one
                dropped[key] = []
                echo(problem.message, err=True)
            continue
        dropped |= found["dropped"]
        for name, files in found["dropped"].items():
            echo(f"dropped {name}: {', '.join(files)}", err=True)
        for name, reason in found["kept"].items():
            echo(f"kept {name}: {reason}", err=True)
    return dropped


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
