"""``/chains/<type>/<chain>/<Task>/results``: the results of a task by key, with its parameters as columns.

What was made is in the run store; whether it is still there is looked up for the rows that are shown.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from urllib.parse import urlencode

from flask import Blueprint, Response, redirect, request

from datanectar.errors import BadRequest, DatanectarError
from datanectar.keys import Key, parse_key
from datanectar.runs.statistics.keys import TaskKey
from datanectar.service.result_file import ResultFile
from datanectar.service.results import Place
from datanectar.service.service import Service
from datanectar.statuses import DONE
from datanectar.views.catalogue.tasks import is_unread, task_in
from datanectar.views.graph.drawing import natural
from datanectar.views.pages import confirmed, page

#: The rows of a page, and the keys that were made last, among which rows are filtered and sorted.
PAGE, MOST_KEYS = 25, 1000


@dataclass(frozen=True)
class View:
    """What the page's query asks for: texts that values hold, by parameter; the sort; the page.

    The sort is ``made`` or ``p.<name>``, downwards with a ``-`` before it.
    """

    filters: dict[str, str]
    sort: str
    number: int

    @classmethod
    def of(cls, args: Mapping[str, str]) -> View:
        """Return what a query asks for; a filter of a parameter comes as ``p.<name>``."""
        filters = {name[2:]: text for name, text in args.items() if name[:2] == "p." and text}
        number = args.get("page", "1")
        is_number = number.isdecimal() and len(number) < 6
        return cls(filters, args.get("sort", ""), int(number) if is_number else 1)

    def address(self, path: str, **changes: str) -> str:
        """Return the address of another view: ``sort``, or ``page``, or none of the filters."""
        filters = {f"p.{name}": text for name, text in self.filters.items()}
        values = {**filters, "sort": self.sort, **changes}
        return f"{path}?{urlencode({name: text for name, text in values.items() if text})}"

    def rows(self, found: list[TaskKey]) -> list[TaskKey]:
        """Return what passes the filters, in order; without a sort as it came, the newest first."""
        matching = [
            one
            for one in found
            if all(text in one.params.get(name, "") for name, text in self.filters.items())
        ]
        name = self.sort.removeprefix("-")
        if name == "made":
            matching.sort(key=lambda one: one.made or 0.0)
        elif name:
            matching.sort(key=lambda one: natural(one.params.get(name[2:], "")))
        return matching[::-1] if self.sort.startswith("-") else matching


@dataclass(frozen=True)
class Row:
    """A result: the files of it that are there, or why its store can't be asked."""

    made: TaskKey
    files: list[ResultFile]
    problem: str = ""

    @property
    def when(self) -> float | None:
        """When it was made, as its files tell: a later run that found it there has a later time."""
        return max((file.modified for file in self.files), default=self.made.made)

    @property
    def size(self) -> int | None:
        """The bytes of its files, where they are known."""
        sizes = [file.size for file in self.files if file.size is not None]
        return sum(sizes) if sizes and len(sizes) == len(self.files) else None


def blueprint(service: Service) -> Blueprint:
    """Return the page, and the target of its buttons."""
    routes = Blueprint("result_list", __name__, url_prefix="/chains/<type>/<chain>/<task>/results")

    @routes.get("")
    def results(type: str, chain: str, task: str) -> Response:
        return _page(service, type, chain, task)

    @routes.post("")
    def drop(type: str, chain: str, task: str) -> Response:
        key = parse_key(request.form.get("key", ""))
        if (key.type, key.chain, key.task) != (type, chain, task):
            raise BadRequest(f"{key} is no key of {type}/{chain}/{task}.")
        return _drop(service, key)

    return routes


def _drop(service: Service, key: Key) -> Response:
    back = request.full_path.rstrip("?")
    words = f"Drop the result of {key.task}? Its files are deleted; logs and history stay. Its key is {key}."
    if asked := confirmed("Drop the result", words, back=back):
        return asked
    service.drop(key)
    return redirect(back, 303)  # type: ignore[return-value]


def _page(service: Service, type: str, chain: str, task: str) -> Response:
    described = service.catalog.chain_soon(type, chain)
    if is_unread(described, task):
        return page("reading.html", chain=described, name=task)
    own, view = task_in(described, task), View.of(request.args)
    path = f"/chains/{type}/{chain}/{task}/results"
    found = service.store.newest_keys(
        f"chains/{type}/{chain}/{task}/", view.filters.values(), MOST_KEYS
    )
    rows = view.rows([one for one in found if one.status == DONE])
    pages = max(1, -(-len(rows) // PAGE))
    number = min(max(1, view.number), pages)
    return page(
        "task_results.html",
        chain=described,
        task=own,
        path=path,
        view=view,
        columns=[item.name for item in own.parameters if not item.private],
        address=_addresses(view, path),
        rows=[_row(service, made) for made in rows[(number - 1) * PAGE : number * PAGE]],
        total=len(rows),
        is_part=len(found) == MOST_KEYS,
        most_keys=MOST_KEYS,
        number=number,
        pages=pages,
    )


def _addresses(view: View, path: str) -> Callable[..., str]:
    def address(**changes: str) -> str:
        return view.address(path, **changes)

    return address


def _row(service: Service, made: TaskKey) -> Row:
    place = Place(made.storage, made.output, made.results, made.is_reported)
    try:
        found = service.results.look(parse_key(made.key), place)
    except DatanectarError as problem:  # such as a bucket that is away
        return Row(made, [], problem.message)
    return Row(made, [] if found.missing else found.files)
