"""What several commands take: where the app is, a token, ``--json``, and a task's parameters."""

from __future__ import annotations

import functools
import json
import sys
from collections.abc import Callable, Iterable
from datetime import datetime
from typing import TYPE_CHECKING, Any

import click

from datanectar.cli.terminal import console, echo, styled
from datanectar.errors import Unavailable

if TYPE_CHECKING:
    from datanectar.client import Client


class AnothersApp(Unavailable):
    """Raised when the app at the address of this folder's project is the app of another one."""


def _own_url() -> str:
    from datanectar import settings

    return settings.load().app_url


url_option = click.option(
    "--url",
    default=_own_url,
    envvar="DATANECTAR_URL",
    help="Where the app is.",
    show_default="the address of this folder's project",
    show_envvar=True,
)
token_option = click.option(
    "--token",
    envvar="DATANECTAR_TOKEN",
    help="An API token; better given by the variable: every user of the machine can read a command's words.",
    show_envvar=True,
)
json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


def with_client(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command ``--url`` and ``--token``, and in their place a ``client`` as first argument."""

    @url_option
    @token_option
    @functools.wraps(command)
    def with_it(*args: Any, url: str, token: str | None, **options: Any) -> Any:
        return command(client_of(url, token), *args, **options)

    return with_it


def client_of(url: str, token: str | None) -> Client:
    """Return a client for the app that the command line names, or for that of this folder's project.

    Raises:
        AnothersApp: when no address was named, and the app of another project has this one's.
    """
    from datanectar.client import Client

    source = click.get_current_context().get_parameter_source("url")
    if source is click.core.ParameterSource.DEFAULT:
        _check_owner(url)
    return Client(url, token, retries=0)


def _check_owner(url: str) -> None:
    from datanectar import settings
    from datanectar.cli.up.ports import is_anothers_app

    own = settings.load()
    if own.chains.is_dir() and is_anothers_app(own):
        raise AnothersApp(
            f"{url} is the app of another project, not of {own.project}: start this one's on another "
            "port (`port = 5001` in datanectar.toml), or, to ask that app, set DATANECTAR_URL."
        )


def echo_json(data: Any) -> None:
    """Print data as JSON, which holds no control characters."""
    click.echo(json.dumps(data, indent=2))


def echo_rows(rows: Iterable[Iterable[Any]], *headers: str, none: str = "") -> None:
    """Print a line for each row: its fields with tabs between, or a table on a terminal.

    Args:
        rows: the fields; None is shown as ``-``.
        headers: the names of the columns, for the terminal.
        none: what is said on standard error when there are no rows.
    """
    texts = [[str(field if field is not None else "-") for field in row] for row in rows]
    if not texts:
        echo(none, err=True)
    elif sys.stdout.isatty():
        _print_table(texts, headers)
    else:
        echo("\n".join("\t".join(row) for row in texts))


def _print_table(texts: list[list[str]], headers: tuple[str, ...]) -> None:
    from rich.table import Table

    table = Table(*headers, box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))
    for number, column in enumerate(table.columns):
        column.overflow, column.no_wrap = "fold", number == 0
    for row in texts:
        table.add_row(*map(styled, row))
    console().print(table)


def shown_time(text: str | None) -> str | None:
    """Return a time of the API for a list: on a terminal by this machine's clock, to the second."""
    if text is None or not sys.stdout.isatty():
        return text
    return datetime.fromisoformat(text).astimezone().strftime("%Y-%m-%d %H:%M:%S")


def read_parameters(words: tuple[str, ...]) -> dict[str, str]:
    """Return the task's parameters that the words of a command line spell, see :func:`read_pairs`.

    Raises:
        click.UsageError: when a word spells none, or a parameter comes twice.
    """
    values: dict[str, str] = {}
    for name, value in read_pairs(words):
        if name in values:
            raise click.UsageError(f"{name} is given more than once.")
        values[name] = value
    return values


def read_pairs(words: tuple[str, ...]) -> list[tuple[str, str]]:
    """Return names and values of the task's parameters that the words of a command line spell.

    ``name=value``, ``--name value`` and ``--name=value`` mean the same; ``--name`` alone means true,
    and a dash in ``--some-name`` is an underscore, as in Luigi's own command line.

    Raises:
        click.UsageError: when a word is none of these.
    """
    pairs: list[tuple[str, str]] = []
    rest = list(words)
    while rest:
        word = rest.pop(0)
        name, separator, value = word.removeprefix("--").partition("=")
        if word.startswith("--"):
            name = name.replace("-", "_")
            if not separator:
                value = rest.pop(0) if rest and not rest[0].startswith("--") else "true"
        elif not separator:
            raise click.UsageError(f"{word!r}: parameters read name=value.")
        pairs.append((name, value))
    return pairs


def check_task_path(path: str) -> str:
    """Return ``path`` if it can name a task.

    Raises:
        click.UsageError: when it is not TYPE/CHAIN/TASK or TYPE/TASK.
    """
    if not (len(path.split("/")) in (2, 3) and all(path.split("/"))):
        raise click.UsageError(f"{path!r}: a task is named TYPE/CHAIN/TASK or TYPE/TASK.")
    return path
