"""The tasks of a chain file and their parameters, as its source shows them: nothing is imported.

Good enough for shell completion and for an example in a banner; the catalog is what counts. Parameters
that a class inherits from another file are not seen.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date

from datanectar.catalog.files import ChainFile

#: By Luigi's class name, a value that such a parameter takes; else it is a text.
_EXAMPLES = {
    "BoolParameter": "true",
    "DateIntervalParameter": "2026-W01",
    "DateParameter": date.today().isoformat(),
    "DictParameter": "{}",
    "FloatParameter": "1.5",
    "IntParameter": "1",
    "ListParameter": "[]",
    "MonthParameter": "2026-01",
    "NumericalParameter": "1",
    "TimeDeltaParameter": "1 day",
    "YearParameter": "2026",
}


@dataclass(frozen=True)
class Parameter:
    """A parameter's name, a value that it takes, and whether it has no default."""

    name: str
    example: str
    required: bool


@dataclass(frozen=True)
class Task:
    """A task's path, ``<type>/<chain>/<Task>``, and its own and inherited parameters."""

    path: str
    parameters: list[Parameter] = field(default_factory=list)


def tasks_of(chain: ChainFile) -> list[Task]:
    """Return the tasks of a chain, in the order of its file; none when it can't be read."""
    if chain.problem:
        return []
    try:
        body = ast.parse(chain.path.read_bytes()).body
    except (OSError, SyntaxError, ValueError, RecursionError):
        return []
    classes = {item.name: item for item in body if isinstance(item, ast.ClassDef)}
    return [
        Task(f"{chain.type}/{chain.name}/{name}", list(_parameters(cls, classes)))
        for name, cls in classes.items()
        if name.endswith("Task") and not name.startswith("_") and cls.bases
    ]


def _parameters(
    cls: ast.ClassDef, classes: dict[str, ast.ClassDef], depth: int = 0
) -> Iterator[Parameter]:
    for base in cls.bases:
        if isinstance(base, ast.Name) and base.id in classes and depth < len(classes):
            yield from _parameters(classes[base.id], classes, depth + 1)
    for item in cls.body:
        target = item.targets[0] if isinstance(item, ast.Assign) else None
        target = item.target if isinstance(item, ast.AnnAssign) else target
        if isinstance(target, ast.Name) and isinstance(getattr(item, "value", None), ast.Call):
            yield from _parameter(target.id, item.value)  # type: ignore[attr-defined]


def _parameter(name: str, call: ast.Call) -> Iterator[Parameter]:
    function = call.func
    kind = function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")
    if kind.endswith("Parameter"):
        keywords = {keyword.arg for keyword in call.keywords}
        required = not call.args and "default" not in keywords and not kind.startswith("Optional")
        yield Parameter(name, _EXAMPLES.get(kind.removeprefix("Optional"), "x"), required)
