"""Shell completion of types, chains, tasks and parameters: from the project's files, without an app."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click
from click.shell_completion import CompletionItem

from datanectar.errors import DatanectarError

if TYPE_CHECKING:
    from datanectar.cli.outline import Task


def complete_type(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:
    """Return the types of chains that begin so."""
    return sorted({t.path.split("/")[0] for t in _tasks() if t.path.startswith(incomplete)})


def complete_chain(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:
    """Return the chains that begin so, without their types; those of ``--type`` where it is given."""
    type = ctx.params.get("type")
    chains = {tuple(task.path.split("/")[:2]) for task in _tasks()}
    return sorted(
        {name for of, name in chains if type in (None, of) and name.startswith(incomplete)}
    )


def complete_task_name(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:
    """Return the names of tasks that begin so."""
    names = {task.path.split("/")[2] for task in _tasks()}
    return sorted(name for name in names if name.startswith(incomplete))


def complete_setting(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:
    """Return the names of settings that begin so, as in the settings file or as variables."""
    from datanectar import settings

    variables = [variable for variable, _, _ in settings.rows()]
    names = [*map(settings.field_of, variables), *variables]
    return [name for name in names if name.startswith(incomplete)]


def complete_task(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:
    """Return the tasks, as TYPE/CHAIN/TASK, that begin so."""
    return [task.path for task in _tasks() if task.path.startswith(incomplete)]


def complete_parameter(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[Any]:
    """Return the parameters of the task in ``ctx`` that begin so, as ``--name`` or ``name=``."""
    path, as_option = ctx.params.get("path"), incomplete.startswith("-")
    names = [item.name for task in _tasks() if task.path == path for item in task.parameters]
    words = [f"--{name}" if as_option else f"{name}=" for name in names]
    return [CompletionItem(word) for word in words if word.startswith(incomplete)]


class TaskCommand(click.Command):
    """Completes a task's parameters beside the command's own options."""

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[Any]:
        """Return the options and the parameters that begin so."""
        return [
            *complete_parameter(ctx, self.params[0], incomplete),
            *super().shell_complete(ctx, incomplete),
        ]


def _tasks() -> list[Task]:
    from datanectar import settings
    from datanectar.catalog.files import find_chains
    from datanectar.cli.outline import tasks_of

    try:
        chains = find_chains(settings.load().chains)
    except DatanectarError:  # a command will say what is wrong with the settings
        return []
    return [task for chain in chains for task in tasks_of(chain)]
