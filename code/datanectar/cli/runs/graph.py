"""``datanectar graph``: the tasks of a run as a tree, in DOT for Graphviz, or as SVG."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import click

from datanectar.cli.options import echo_json, json_option, with_client
from datanectar.cli.terminal import console, echo, styled

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
@click.argument("name", metavar="RUN|KEY")
@click.option("--dot", "form", flag_value="dot", help="Print DOT, as Graphviz reads it.")
@click.option("--svg", "form", flag_value="svg", help="Print a picture: `... --svg > run.svg`.")
@with_client
@json_option
def graph(client: Client, name: str, form: str | None, as_json: bool) -> None:
    """Show the tasks of a RUN, or of the latest run of a KEY: below each task what it requires."""
    is_key = name.startswith("chains/")
    tasks = client.graph(name) if is_key else client.run_record(name)["graph"]
    if as_json:
        echo_json(tasks)
    elif form == "svg":
        echo(_svg(tasks))
    elif form == "dot":
        echo("\n".join(_dot(tasks)))
    else:
        _echo_tree(tasks)


def _echo_tree(tasks: dict[str, Any]) -> None:
    for lead, status, words in _tree(tasks):
        if sys.stdout.isatty():
            line = styled(lead) + styled(status) + styled(f" {words}")
            console().print(line, soft_wrap=True)
        else:
            echo(f"{lead}{status} {words}")
    if tasks["note"]:
        echo(tasks["note"], err=True)


def _tree(tasks: dict[str, Any]) -> Iterator[tuple[str, str, str]]:
    """Yield for each task its branch, status and name; what it requires only where it first comes."""
    nodes = {node["id"]: node for node in tasks["nodes"]}
    requires = _requires(tasks)
    required = {edge["from"] for edge in tasks["edges"]}
    waiting = [(name, "", "") for name in reversed(list(nodes)) if name not in required]
    shown: set[str] = set()
    while waiting:
        name, lead, below = waiting.pop()
        again = name in shown and name in requires
        shown.add(name)
        yield lead, nodes[name]["status"], f"{_name(nodes[name])}{' (see above)' if again else ''}"
        parts = [] if again else requires.get(name, [])
        for number, part in reversed(list(enumerate(parts, 1))):
            is_last = number == len(parts)
            corner, bar = ("└─ ", "   ") if is_last else ("├─ ", "│  ")
            waiting.append((part, below + corner, below + bar))


def _name(node: dict[str, Any]) -> str:
    """Return the class of a task and its parameters: ``SumTask day=2026-06-03``."""
    values = (f"{name}={value}" for name, value in sorted((node["parameters"] or {}).items()))
    return " ".join([node["family"].rpartition(".")[2], *values])


def _requires(tasks: dict[str, Any]) -> dict[str, list[str]]:
    requires: dict[str, list[str]] = {}
    for edge in tasks["edges"]:
        requires.setdefault(edge["to"], []).append(edge["from"])
    return requires


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


def _svg(tasks: dict[str, Any]) -> str:
    from datanectar.runs.records import TaskRow
    from datanectar.views.graph.drawing import draw
    from datanectar.views.graph.svg import svg

    requires = _requires(tasks)
    rows = [
        TaskRow(
            "",
            node["id"],
            family=node["family"],
            params=node["parameters"],
            status=node["status"],
            requires=requires.get(node["id"], []),
            progress=node["progress"],
            message=node["status_message"],
        )
        for node in tasks["nodes"]
    ]
    return svg(draw(rows))
