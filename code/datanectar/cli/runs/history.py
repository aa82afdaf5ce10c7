"""``datanectar runs`` and ``show``: the history, and one run with its tasks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from datanectar.cli.completion import complete_chain, complete_task_name, complete_type
from datanectar.cli.options import echo_json, echo_rows, json_option, shown_time, with_client
from datanectar.cli.runs.progress import way_on
from datanectar.cli.terminal import echo
from datanectar.settings.sizes import size_in_words
from datanectar.statuses import ACTIVE, ENDED

if TYPE_CHECKING:
    from datanectar.client import Client

#: The most that one page of the API holds.
_PAGE = 500
_STATUSES = [*sorted(ACTIVE), *sorted(ENDED)]
#: The lines of a traceback that are shown.
_TRACEBACK_LINES = 12


@click.command()
@with_client
@click.option("--type", "type", shell_complete=complete_type, help="Of this type.")
@click.option("--chain", shell_complete=complete_chain, help="Of this chain.")
@click.option("--task", shell_complete=complete_task_name, help="Of this task.")
@click.option("--key", help="Of this key.")
@click.option("--backfill", metavar="ID", help="Started by this backfill.")
@click.option("--status", type=click.Choice(_STATUSES), help="With this status.")
@click.option("--since", help="Accepted at or after this time: 2026-06-03 or 2026-06-03T12:00:00Z.")
@click.option("--until", help="Accepted before this time.")
@click.option("--param", multiple=True, metavar="NAME=VALUE", help="With this parameter.")
@click.option("--limit", default=20, show_default=True, type=click.IntRange(1), help="So many.")
@json_option
def runs(client: Client, limit: int, as_json: bool, **filters: Any) -> None:
    """List runs, the newest first: id, status, when it was accepted, task and parameters."""
    found: list[dict[str, Any]] = []
    cursor = None
    while len(found) < limit:
        size = min(_PAGE, limit - len(found))
        page = client.runs(**filters, limit=size, cursor=cursor)
        found, cursor = [*found, *page["runs"]], page["next_cursor"]
        if cursor is None:
            break
    if as_json:
        echo_json(found)
    else:
        echo_runs(found)


def echo_runs(found: list[dict[str, Any]]) -> None:
    """Print runs as a table: id, status, when it was accepted, task and parameters."""
    rows = (
        (
            run["id"],
            run["job_status"],
            shown_time(run["created"]),
            _task_of(run),
            _parameters_of(run),
        )
        for run in found
    )
    echo_rows(
        rows, "run", "status", "accepted", "task", "parameters", none="There are no such runs."
    )


@click.command()
@click.argument("run_id", metavar="RUN")
@with_client
@json_option
def show(client: Client, run_id: str, as_json: bool) -> None:
    """Show a RUN: status, parameters, times, why it failed, and its tasks."""
    run = client.run_record(run_id)
    if as_json:
        echo_json(run)
        return
    fields = {
        "run": run["id"],
        "task": _task_of(run),
        "status": run["job_status"],
        "parameters": _parameters_of(run),
        "accepted": run["created"],
        "asked for by": run["requested_by"],
        "started": run["started"],
        "finished": run["finished"],
        "attempts": run["attempts"],
        "worker": run["worker"],
        "key": run["key"],
        "error": run["error"],
        "failed task": run["failed_key"],
        "log": run["failed_log_url"] or run["log_url"],
        "page": f"{client.url}/runs/{run['id']}",
        "read on": way_on(run["id"], run["key"], run["failed_key"] or run["key"]),
    }
    for name, value in fields.items():
        if value not in (None, ""):
            echo(f"{name + ':':<13}{value}")
    for line in (run["traceback"] or "").rstrip().splitlines()[-_TRACEBACK_LINES:]:
        echo(f"    {line}")
    nodes = run["graph"]["nodes"]
    if nodes:
        click.echo("tasks:")
        rows = (
            (node["status"], node["family"], shown_time(node["started"]), *_taken_by(node))
            for node in nodes
        )
        echo_rows(rows, "status", "task", "started", "memory", "cpu")


def _taken_by(node: dict[str, Any]) -> tuple[str | None, str | None]:
    """Return a task's peak memory and CPU time in words."""
    memory, seconds = node.get("peak_memory"), node.get("cpu_time")  # an older app tells neither
    return (
        None if memory is None else size_in_words(memory),
        None if seconds is None else f"{seconds:.1f} s",
    )


def _task_of(run: dict[str, Any]) -> str:
    return f"{run['type']}/{run['chain']}/{run['task']}"


def _parameters_of(run: dict[str, Any]) -> str:
    return " ".join(f"{name}={value}" for name, value in run["parameters"].items())
