"""``datanectar lineage``: what a result was made of, and what was made from it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from datanectar.cli.options import echo_json, echo_rows, json_option, with_client
from datanectar.cli.terminal import echo

if TYPE_CHECKING:
    from datanectar.client import Client


@click.command()
@click.argument("key", metavar="KEY")
@click.option("--up", "direction", flag_value="upstream", help="Only what it was made of.")
@click.option("--down", "direction", flag_value="downstream", help="Only what was made from it.")
@with_client
@json_option
def lineage(client: Client, key: str, direction: str | None, as_json: bool) -> None:
    """Show what the result of a KEY was made of, and what was made from it, the nearest first.

    A line each: `up` or `down` and the steps to it, whether its result is there, and its key; files of
    others at the end. `datanectar drop --downstream KEY` deletes it with what was made from it.
    """
    found = client.lineage(key)
    directions = ["upstream", "downstream"] if direction is None else [direction]
    if as_json:
        left_out = {"upstream", "downstream"} - set(directions)
        echo_json({name: value for name, value in found.items() if name not in left_out})
        return
    echo_rows(_rows(found, directions), "way", "steps", "result", "key")
    if found["is_cut"]:
        echo("There is more: only the nearest results, in the newest runs.", err=True)


def _rows(found: dict[str, Any], directions: list[str]) -> list[tuple[Any, ...]]:
    rows = [
        (name.removesuffix("stream"), each["steps"], _state(each), each["key"])
        for name in directions
        for each in found[name]
    ]
    files = found["files"] if "upstream" in directions else []
    return rows + [("file", None, each["stamp"], each["address"]) for each in files]


def _state(each: dict[str, Any]) -> str:
    if each["needed_by_run"]:
        return f"needed by run {each['needed_by_run']}"
    return "there" if each["is_there"] else "not there"
