"""What several commands take: where the app is, a token, ``--json``, and a task's parameters."""

from __future__ import annotations

import functools
import json
import sys
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

import click

from datanectar.cli.terminal import echo

if TYPE_CHECKING:
    pass


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
        from datanectar.client import Client

        return command(Client(url, token, retries=0), *args, **options)

    return with_it


def echo_json(data: Any) -> None:
    """Print data as JSON, which holds no control characters."""
    click.echo(json.dumps(data, indent=2))


def echo_rows(rows: Iterable[Iterable[Any]]) -> None:
    """Print a line for each row: its fields with tabs between, or aligned on a terminal."""
    texts = [[str(field if field is not None else "-") for field in row] for row in rows]
    if not sys.stdout.isatty():
        for row in texts:
            echo("\t".join(row))
        return
    widths = [max(map(len, column)) for column in zip(*texts, strict=True)]
    for row in texts:
        echo("  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip())


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
