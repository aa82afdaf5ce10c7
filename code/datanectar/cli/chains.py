"""``datanectar chains`` and ``schedules``: what a running app serves, and what it runs on time."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import click

from datanectar.cli.completion import complete_type
from datanectar.cli.options import check_task_path, echo_json, echo_rows, json_option, with_client
from datanectar.cli.terminal import echo

if TYPE_CHECKING:
    from datanectar.client import Client


@click.command()
@click.argument("type", required=False, shell_complete=complete_type)
@with_client
@json_option
def chains(client: Client, type: str | None, as_json: bool) -> None:
    """List the chains that a running app serves, or those of one TYPE.

    A task has a line with its parameters, and an indented one that says what it does; through a
    pipe both are one line, with tabs between.
    """
    listed = [one for one in client.chains() if type in (None, one["type"])]
    if type is not None and not listed:
        raise click.UsageError(f"There is no chain of type {type!r}.")
    if as_json:
        echo_json(listed)
        return
    for chain in listed:
        _echo_chain(chain)


@click.command()
@with_client
@click.option("--pause", metavar="TYPE/CHAIN/TASK", help="Start no more runs of this schedule.")
@click.option("--resume", metavar="TYPE/CHAIN/TASK", help="Start them again, from now on.")
@json_option
def schedules(client: Client, pause: str | None, resume: str | None, as_json: bool) -> None:
    """List the tasks that have a schedule: the next time, the task, its line of cron, the last run.

    A time is by the clock of the schedule's zone. Fires while a schedule is paused are left out.
    """
    for path, paused in ((pause, True), (resume, False)):
        if path is not None:
            if len(check_task_path(path).split("/")) != 3:
                raise click.UsageError(f"{path!r}: name the chain, too: TYPE/CHAIN/TASK.")
            client.set_schedule(path, paused=paused)
            echo(f"{path} is {'paused' if paused else 'resumed'}.", err=True)
    rows = [_schedule_row(schedule) for schedule in client.schedules()]
    if as_json:
        echo_json(rows)
    elif rows:
        echo_rows((row["next"], row["task"], row["schedule"], _last(row)) for row in rows)


def _schedule_row(schedule: dict[str, Any]) -> dict[str, Any]:
    """Return a schedule with its task's path, and the next fire alone: a time, or ``paused``."""
    path = f"{schedule['type']}/{schedule['chain']}/{schedule['task']}"
    fires = [text[:16] + text[19:] for text in schedule["next"]]  # without the seconds
    return {**schedule, "task": path, "next": fires[0] if fires else "paused", "fires": fires}


def _last(row: dict[str, Any]) -> str:
    run = row["last_run"]
    return f"{run['job_status']} {run['id']}" if run else "-"


def _echo_chain(chain: dict[str, Any]) -> None:
    place = f"{chain['type']}/{chain['name']}"
    if chain["error"]:
        _echo_item(place, "", chain["error"])
    for task in chain["tasks"]:
        parameters = " ".join(_parameter(item) for item in task["parameters"])
        words = task["error"] or task["doc"].partition("\n")[0]
        _echo_item(f"{place}/{task['name']}", parameters, words)
    for left in chain["left_out"]:
        _echo_item(place, "", f"no route for {left['name']}: {left['reason']}")


def _echo_item(name: str, parameters: str, words: str) -> None:
    if sys.stdout.isatty():
        echo(f"{name}  {parameters}".rstrip())
        echo(f"    {words}")
    else:
        echo(f"{name}\t{parameters}\t{words}")


def _parameter(item: dict[str, Any]) -> str:
    if item["private"]:
        return f"{item['name']}=(private)"
    if item["required"]:
        return f"{item['name']}=?"
    return f"{item['name']}={item['default']}"
