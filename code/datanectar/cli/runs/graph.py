"""``datanectar graph``: the tasks of a run as a tree, or in DOT for Graphviz."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import click

from datanectar.cli.options import echo_json, json_option, with_client
from datanectar.cli.terminal import echo

if TYPE_CHECKING:
    from datanectar.client import Client

#: Graphviz's colour names, by status.
_COLOURS = {
    "DONE": "palegreen",
    "FAILED": "lightpink",
    "RUNNING": "lightskyblue",
    "CANCELLED": "lightgrey",
}


@click.command()
@click.argument("run_id", metavar="RUN")
@click.option("--dot", is_flag=True, help="Print DOT, as Graphviz's `dot -Tsvg` reads it.")
@with_client
@json_option
def graph(client: Client, run_id: str, dot: bool, as_json: bool) -> None:
    """Show the tasks of a RUN as a tree: below each task what it requires."""
    tasks = client.run_record(run_id)["graph"]
    if as_json:
        echo_json(tasks)
        return
    for line in _dot(tasks) if dot else _tree(tasks):
        echo(line)


def _tree(tasks: dict[str, Any]) -> Iterator[str]:
    """Yield a line for each task; below one that came before, what it requires is left out."""
    nodes = {node["id"]: node for node in tasks["nodes"]}
    requires: dict[str, list[str]] = {}
    for edge in tasks["edges"]:
        requires.setdefault(edge["to"], []).append(edge["from"])
    required = {edge["from"] for edge in tasks["edges"]}
    waiting = [(name, "", "") for name in reversed(list(nodes)) if name not in required]
    shown: set[str] = set()
    while waiting:
        name, lead, below = waiting.pop()
        again = name in shown and name in requires
        shown.add(name)
        node = nodes[name]
        yield f"{lead}{node['status']} {node['id']}{' (see above)' if again else ''}"
        parts = [] if again else requires.get(name, [])
        for number, part in reversed(list(enumerate(parts, 1))):
            is_last = number == len(parts)
            corner, bar = ("└─ ", "   ") if is_last else ("├─ ", "│  ")
            waiting.append((part, below + corner, below + bar))


def _dot(tasks: dict[str, Any]) -> Iterator[str]:
    yield "digraph run {"
    yield '  rankdir=LR; node [shape=box, style="rounded,filled", fillcolor=white];'
    for node in tasks["nodes"]:
        label = json.dumps(f"{node['family'].rpartition('.')[2]}\n{node['status']}")
        colour = _COLOURS.get(node["status"], "white")
        yield f"  {_quoted(node['id'])} [label={label}, fillcolor={colour}];"
    for edge in tasks["edges"]:
        yield f"  {_quoted(edge['from'])} -> {_quoted(edge['to'])};"
    yield "}"


def _quoted(name: str) -> str:
    """Return a DOT identifier, in which only quotes are escaped (Graphviz, "The DOT Language")."""
    return '"' + name.replace('"', '\\"') + '"'
