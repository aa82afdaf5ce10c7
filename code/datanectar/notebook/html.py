"""Tasks, runs and chains as HTML for notebooks. Everything that others wrote is escaped."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING

import luigi
from luigi.task import flatten

from datanectar.errors import DatanectarError
from datanectar.keys import LOG_FILE, Key
from datanectar.messages import ChainDescription, ParameterDescription
from datanectar.runs.records import TaskRow
from datanectar.statuses import DONE, FAILED, PENDING
from datanectar.storage.base import Storage
from datanectar.util.identity import key_of
from datanectar.util.result_addresses import result_addresses
from datanectar.util.task_params import public_params
from datanectar.util.tasklog import storage_of
from datanectar.views.graph.drawing import draw
from datanectar.views.graph.svg import COLOURS, OTHER_COLOUR, svg

if TYPE_CHECKING:
    from datanectar.notebook.run import Result

#: The most tasks that are looked at to draw what a task requires.
_MOST_TASKS = 50
#: Seconds for which a link to a file in a bucket is valid.
_LINK_LIFE = 3600

_Requires = dict[luigi.Task, list[luigi.Task]]


def task_html(task: luigi.Task) -> str:
    """Return a task: whether its result is there, its parameters, its files, what it requires."""
    requires = _required(task)
    statuses = {each: DONE if _is_complete(each) else PENDING for each in requires}
    status = "DONE" if statuses[task] == DONE else "not made yet"
    return _panel(_name(task), status, _rows_of(task), _graph(statuses, requires))


def run_html(result: Result) -> str:
    """Return a run: how it ended, its task's parameters and files, and its graph."""
    ran = [("ran", escape(", ".join(result.ran) or "nothing: the result was there"))]
    graph = _graph(result.tasks, result.requires)
    return _panel(_name(result.task), result.status, _rows_of(result.task) + ran, graph)


def chain_html(chain: ChainDescription) -> str:
    """Return a chain: what it is for, its tasks and their parameters, or why it can't be imported."""
    rows = [
        (
            escape(task.name),
            _text(task.error or task.doc) + "".join(map(_parameter, task.parameters)),
        )
        for task in chain.tasks
    ]
    intro = _text(chain.error or chain.doc)
    return _panel(f"{chain.type}/{chain.name}", "" if not chain.error else FAILED, rows, "", intro)


def _parameter(item: ParameterDescription) -> str:
    default = "required" if item.required else f"default {item.default!r}"
    about = f" {item.description}" if item.description else ""
    return (
        f"<div><code>{escape(item.name)}</code> {escape(f'{item.type}, {default}.{about}')}</div>"
    )


def _panel(
    title: str, status: str, rows: Iterable[tuple[str, str]], graph: str, intro: str = ""
) -> str:
    """Return a heading, a table and a graph. ``rows``, ``graph`` and ``intro`` are HTML."""
    colour = COLOURS.get(status, OTHER_COLOUR)
    table = "".join(
        f'<tr><th style="text-align:left;vertical-align:top">{name}</th>'
        f'<td style="text-align:left">{value}</td></tr>'
        for name, value in rows
    )
    return (
        f'<div><strong>{escape(title)}</strong> <span style="color:{colour}">{escape(status)}</span>'
        f"{intro}<table>{table}</table>{graph}</div>"
    )


def _text(text: str) -> str:
    return f'<div style="white-space:pre-wrap">{escape(text)}</div>' if text else ""


def _rows_of(task: luigi.Task) -> list[tuple[str, str]]:
    rows = [(escape(name), escape(text)) for name, text in public_params(task).items()]
    try:
        key, storage = key_of(task), storage_of(task)
        rows += [("key", f"<code>{escape(str(key))}</code>")]
        rows += [("result", link) for link in _result_links(task, storage, key)]
        rows += [("log", _file_link(storage, key, LOG_FILE))]
    except DatanectarError as problem:
        rows += [("key", escape(problem.message))]
    return rows


def _result_links(task: luigi.Task, storage: Storage, key: Key) -> list[str]:
    addresses = result_addresses(task)
    if addresses.output is not None:
        return [_file_link(storage, key, addresses.output)]
    return [_link(address, address) for address in addresses.results]


def _file_link(storage: Storage, key: Key, file: str) -> str:
    """Return a link to a file if it is there, else its address."""
    address = storage.address(key, file)
    if not storage.exists(key, file):
        return f"{escape(address)} (not there)"
    link = storage.link(key, file, expires_in=_LINK_LIFE)
    return _link(link.url if link else address, address)


def _link(url: str, text: str) -> str:
    url = Path(url).as_uri() if url.startswith("/") else url
    return f'<a href="{escape(url)}" target="_blank">{escape(text)}</a>'


def _name(task: luigi.Task) -> str:
    try:
        return "/".join(str(key_of(task)).split("/")[1:4])
    except DatanectarError:
        return type(task).__name__


def _required(root: luigi.Task) -> _Requires:
    """Return a task and what it requires, as far as the first tasks go."""
    requires: _Requires = {}
    found = [root]
    while found and len(requires) < _MOST_TASKS:
        task = found.pop(0)
        if task not in requires:
            requires[task] = _requirements(task)
            found += requires[task]
    return requires


def _requirements(task: luigi.Task) -> list[luigi.Task]:
    try:
        return [each for each in flatten(task.requires()) if isinstance(each, luigi.Task)]
    except Exception:  # an author's code; a run reports what is wrong with it
        return []


def _is_complete(task: luigi.Task) -> bool:
    try:
        return bool(task.complete())
    except Exception:  # an author's code, or a store that is away
        return False


def _graph(statuses: Mapping[luigi.Task, str], requires: _Requires) -> str:
    """Return the graph as SVG; nothing for a single task."""
    if len(statuses) < 2:
        return ""
    rows = [
        TaskRow(
            "",
            task.task_id,
            family=task.task_family,
            status=status,
            requires=[each.task_id for each in requires.get(task, ())],
        )
        for task, status in statuses.items()
    ]
    return svg(draw(rows))
