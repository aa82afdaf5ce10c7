"""``datanectar chains`` and ``schedules``: what a running app serves, and what it runs on time."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import click

from datanectar.cli.completion import complete_task, complete_type
from datanectar.cli.options import check_task_path, echo_json, echo_rows, json_option, with_client
from datanectar.cli.terminal import console, echo, styled

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.tree import Tree

    from datanectar.client import Client


@click.command()
@click.argument("type", required=False, shell_complete=complete_type)
@with_client
@json_option
def chains(client: Client, type: str | None, as_json: bool) -> None:
    """List the chains that a running app serves, or those of one TYPE.

    On a terminal they are a tree: a task with its parameters, what it does, and what is broken with
    the file and line. Through a pipe each task is a line, with tabs between.
    """
    listed = [one for one in client.chains() if type in (None, one["type"])]
    if type is not None and not listed:
        raise click.UsageError(f"There is no chain of type {type!r}.")
    if as_json:
        echo_json(listed)
        return
    if sys.stdout.isatty():
        _print_tree(listed)
        return
    for chain in listed:
        for fields in _lines(chain):
            echo("\t".join(fields))


@click.command()
@with_client
@click.option(
    "--pause",
    metavar="TYPE/CHAIN/TASK",
    shell_complete=complete_task,
    help="Start no more runs of this schedule.",
)
@click.option(
    "--resume",
    metavar="TYPE/CHAIN/TASK",
    shell_complete=complete_task,
    help="Start them again, from now on.",
)
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
    else:
        fields = ((row["next"], row["task"], row["schedule"], _last(row)) for row in rows)
        none = 'No task has a schedule: write `schedule = "0 6 * * *"` in its class.'
        echo_rows(fields, "next", "task", "schedule", "last run", none=none)


def _schedule_row(schedule: dict[str, Any]) -> dict[str, Any]:
    """Return a schedule with its task's path, and the next fire alone: a time, or ``paused``."""
    path = f"{schedule['type']}/{schedule['chain']}/{schedule['task']}"
    fires = [text[:16] + text[19:] for text in schedule["next"]]  # without the seconds
    return {**schedule, "task": path, "next": fires[0] if fires else "paused", "fires": fires}


def _last(row: dict[str, Any]) -> str:
    run = row["last_run"]
    return f"{run['job_status']} {run['id']}" if run else "-"


def _print_tree(listed: list[dict[str, Any]]) -> None:
    """Print types, chains and tasks as a tree; what is broken in red, with its place."""
    from rich.tree import Tree

    for type in dict.fromkeys(chain["type"] for chain in listed):
        tree = Tree(styled(type, "bold"))
        for chain in listed:
            if chain["type"] == type:
                _add_chain(tree, chain)
        console().print(tree)


def _add_chain(tree: Tree, chain: dict[str, Any]) -> None:
    branch = tree.add(styled(chain["name"], "bold"))
    if chain["error"]:
        branch.add(styled(chain["error"], "red"))
    for task in chain["tasks"]:
        leaf = branch.add(styled(f"{task['name']}  {_parameters(task)}".rstrip()))
        words, style = _words(task)
        if words:
            leaf.add(styled(words, style))
    for left in chain["left_out"]:
        branch.add(styled(_left_out(left), "yellow"))


def _lines(chain: dict[str, Any]) -> Iterator[tuple[str, str, str]]:
    place = f"{chain['type']}/{chain['name']}"
    if chain["error"]:
        yield place, "", chain["error"]
    for task in chain["tasks"]:
        yield f"{place}/{task['name']}", _parameters(task), _words(task)[0]
    for left in chain["left_out"]:
        yield place, "", _left_out(left)


def _words(task: dict[str, Any]) -> tuple[str, str]:
    """Return what a task is for, or what is wrong with it; and the style of that."""
    return (task["error"], "red") if task["error"] else (task["doc"].partition("\n")[0], "dim")


def _left_out(left: dict[str, str]) -> str:
    return f"no route for {left['name']}: {left['reason']}"


def _parameters(task: dict[str, Any]) -> str:
    return " ".join(_parameter(item) for item in task["parameters"])


def _parameter(item: dict[str, Any]) -> str:
    if item["private"]:
        return f"{item['name']}=(private)"
    if item["required"]:
        return f"{item['name']}=?"
    return f"{item['name']}={item['default']}"
