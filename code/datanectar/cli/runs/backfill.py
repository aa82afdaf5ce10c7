"""``datanectar backfill`` and ``backfills``: a task run for many values, and what became of it."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, NoReturn

import click

from datanectar.cli.completion import TaskCommand, complete_parameter, complete_task
from datanectar.cli.exit_codes import FAILED, OK
from datanectar.cli.options import (
    check_task_path,
    echo_json,
    echo_rows,
    json_option,
    read_pairs,
    shown_time,
    with_client,
)
from datanectar.cli.runs.progress_bar import progress_bar
from datanectar.cli.terminal import echo
from datanectar.statuses import DONE

if TYPE_CHECKING:
    from datanectar.client import Client

#: So many items that failed are named; the page has all.
_NAMED = 20
#: In the order in which they are told.
_COUNTS = ("made", "there_before", "failed", "cancelled", "running", "waiting")
_UNKNOWN = {"ignore_unknown_options": True, "allow_extra_args": True}


@click.command(cls=TaskCommand, context_settings=_UNKNOWN)
@click.argument("path", metavar="TYPE/CHAIN/TASK", shell_complete=complete_task)
@click.argument(
    "parameters",
    nargs=-1,
    metavar="[NAME=VALUES]...",
    type=click.UNPROCESSED,
    shell_complete=complete_parameter,
)
@click.option(
    "--at-once",
    default=4,
    show_default=True,
    type=click.IntRange(1, 1000),
    help="So many runs at a time.",
)
@click.option("--dry-run", is_flag=True, help="Show what is missing; start nothing.")
@click.option("--detach", is_flag=True, help="Do not wait for its end.")
@with_client
@json_option
def backfill(
    client: Client,
    path: str,
    parameters: tuple[str, ...],
    at_once: int,
    dry_run: bool,
    detach: bool,
    as_json: bool,
) -> None:
    """Run a task for many values of its parameters, as far as results are missing.

    Values are --day 2026-01-01..2026-03-31, with a step --size 10..50..10, or --country de,fr; a
    parameter may be given several times. Of several parameters each combination is run.

    It goes on without this command, also after a restart of the app. Exit code 1 when an item has
    failed or was cancelled.
    """
    check_task_path(path)
    over, others = _split(read_pairs(parameters))
    if dry_run:
        _show_plan(client.backfills.preview(path, over, others), as_json)
        return
    started = client.backfills.start(path, over, others, at_once=at_once)
    known = "" if started["new"] else ", which goes on already"
    echo(f"Backfill {started['id']}{known}: {_words(started)}", err=True)
    echo(f"  page: {client.url}/backfills/{started['id']}", err=True)
    if detach:
        if as_json:
            echo_json(started)
        else:
            echo(started["id"])
    else:
        _follow(client, started["id"], as_json)


@click.command()
@click.argument("backfill_id", metavar="[BACKFILL]", required=False)
@click.option("--cancel", is_flag=True, help="Cancel it, and its runs.")
@click.option("--retry", is_flag=True, help="Run again what failed or was cancelled.")
@click.option("--follow", is_flag=True, help="Wait for its end.")
@with_client
@json_option
def backfills(
    client: Client,
    backfill_id: str | None,
    cancel: bool,
    retry: bool,
    follow: bool,
    as_json: bool,
) -> None:
    """List backfills, the newest first; or show one BACKFILL, cancel it, try again what failed."""
    if cancel and retry:
        raise click.UsageError("--cancel and --retry: choose one.")
    if backfill_id is None:
        if cancel or retry or follow:
            raise click.UsageError("Which one? `datanectar backfills` lists their ids.")
        _show_list(client.backfills.list()["backfills"], as_json)
        return
    if cancel:
        client.backfills.cancel(backfill_id)
    elif retry:
        client.backfills.retry(backfill_id)
    if follow:
        _follow(client, backfill_id, as_json)
    found = client.backfills.get(backfill_id, items="all" if as_json else "failed")
    if as_json:
        echo_json(found)
    else:
        _show(client, found)


def _split(pairs: list[tuple[str, str]]) -> tuple[dict[str, Any], dict[str, str]]:
    """Return what may be several values, and the other parameters; the app knows which are several."""
    given: dict[str, list[str]] = {}
    for name, text in pairs:
        given.setdefault(name, []).append(text)
    over = {
        name: texts if len(texts) > 1 else texts[0]
        for name, texts in given.items()
        if len(texts) > 1 or ".." in texts[0] or "," in texts[0]
    }
    if not over:
        raise click.UsageError(
            "Give one parameter several values, such as --day 2026-01-01..2026-03-31."
        )
    return over, {name: texts[0] for name, texts in given.items() if name not in over}


def _follow(client: Client, backfill_id: str, as_json: bool) -> NoReturn:
    """Show a backfill's progress until its end, what failed, and end as it did."""
    try:
        with progress_bar() as progress:
            ended = client.backfills.wait(backfill_id, progress)
    except KeyboardInterrupt:
        command = f"datanectar backfills {backfill_id}"
        click.echo(
            f"\nThe backfill goes on. To see it: {command} --follow; to stop it: {command} --cancel",
            err=True,
        )
        raise
    if as_json:
        echo_json(ended)
    else:
        _show(client, ended)
    sys.exit(OK if ended["status"] == DONE else FAILED)


def _show_plan(plan: dict[str, Any], as_json: bool) -> None:
    if as_json:
        echo_json(plan)
        return
    echo(f"{plan['missing']} of {plan['total']} are missing.", err=True)
    missing = [item for item in plan["items"] if not item["complete"]]
    if missing:
        rows = ((_parameters(item), item["key"]) for item in missing)
        echo_rows(rows, "parameters", "key")


def _show_list(found: list[dict[str, Any]], as_json: bool) -> None:
    if as_json:
        echo_json(found)
    else:
        rows = (
            (one["id"], one["status"], shown_time(one["created"]), _task(one), _words(one))
            for one in found
        )
        none = "There are no backfills."
        echo_rows(rows, "backfill", "status", "accepted", "task", "items", none=none)


def _show(client: Client, found: dict[str, Any]) -> None:
    echo(f"{found['status']} {_task(found)}: {_words(found)}", err=True)
    failed = [item for item in found["items"] if item["job_status"] == "FAILED"]
    for item in failed[:_NAMED]:
        echo(f"FAILED {_parameters(item)}: {item['error'] or ''}".rstrip())
        if item["run_id"]:
            echo(f"  run: {client.url}/runs/{item['run_id']}", err=True)
    if len(failed) > _NAMED:
        echo(f"{len(failed) - _NAMED} more failed.", err=True)
    if failed:
        echo(f"Again: datanectar backfills {found['id']} --retry --follow", err=True)
    echo(f"  page: {client.url}/backfills/{found['id']}", err=True)


def _words(found: dict[str, Any]) -> str:
    """Return the counts in words, without those that are none."""
    counts = found["counts"]
    words = ", ".join(
        f"{counts[name]} {name.replace('_', ' ')}" for name in _COUNTS if counts[name]
    )
    return f"{found['total']} in all: {words}" if words else "nothing to do"


def _task(found: dict[str, Any]) -> str:
    return f"{found['type']}/{found['chain']}/{found['task']}"


def _parameters(item: dict[str, Any]) -> str:
    return " ".join(f"{name}={value}" for name, value in item["parameters"].items())
