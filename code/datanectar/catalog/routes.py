"""Which task classes of a chain file have a route, and why others have none."""

from __future__ import annotations

from collections.abc import Iterator
from types import ModuleType
from typing import Any

import luigi

from datanectar.catalog.files import name_problem
from datanectar.keys import NAME
from datanectar.messages import LeftOut

#: A class has a route if its name ends in ``ENDING``, or if the chain file's ``LIST`` names it.
ENDING = "Task"
LIST = "__all_tasks__"

#: The most classes without a route that are named.
_MOST = 50
_UNLISTED = (
    f"it is a Luigi task, and gets a route when its name ends in {ENDING}, or when the chain file "
    f"lists it: {LIST} = [{{name}}]"
)


def routed(module: ModuleType) -> list[type[luigi.Task]]:
    """Return the task classes that have a route, in the order in which the module defines them."""
    listed = [cls for cls in _listed(module) if _is_own(module, cls)]
    return [
        cls
        for name, cls in _own_classes(module)
        if cls.__name__ == name and (name.endswith(ENDING) or cls in listed) and NAME.match(name)
    ]


def misnamed(module: ModuleType) -> list[tuple[type[luigi.Task], str]]:
    """Return the classes whose names a route can't contain, each with the reason."""
    listed = _listed(module)
    return [
        (cls, name_problem(name))
        for name, cls in _own_classes(module)
        if cls.__name__ == name and (name.endswith(ENDING) or cls in listed)
        if not NAME.match(name)
    ]


def left_out(module: ModuleType) -> list[LeftOut]:
    """Return the tasks of a chain file without a route, and wrong entries of its list.

    Classes whose names begin with ``_`` are bases of others, and not named.
    """
    served = {*routed(module), *(cls for cls, _ in misnamed(module))}
    found = [*_wrong_entries(module), *_without_route(module, served)]
    return found[:_MOST]


def _without_route(module: ModuleType, served: set[type[luigi.Task]]) -> Iterator[LeftOut]:
    for name, cls in _own_classes(module):
        if name.startswith("_"):
            continue
        if cls.__name__ != name:
            if name.endswith(ENDING):
                yield LeftOut(name, _alias(name, cls, cls in served))
        elif cls not in served and not issubclass(cls, luigi.Config):
            yield LeftOut(name, f"{_UNLISTED.format(name=name)}.")


def _alias(name: str, cls: type, is_served: bool) -> str:
    words = f"it is another name of {cls.__name__}, and a task goes by the name of its class"
    if is_served:
        return f"{words}: ask for {cls.__name__}."
    return f"{words}. Call the class {name}, or list it: {LIST} = [{cls.__name__}]."


def _wrong_entries(module: ModuleType) -> Iterator[LeftOut]:
    entries = vars(module).get(LIST)
    if entries is not None and not isinstance(entries, list | tuple | set | frozenset):
        yield LeftOut(LIST, f"it is a list of task classes, such as {LIST} = [Report].")
    for entry in _entries(module):
        name = str(getattr(entry, "__name__", None) or repr(entry))[:100]
        if not _is_task(entry):
            yield LeftOut(name, f"{LIST} lists it, but it is no luigi.Task class.")
        elif not _is_own(module, entry):
            yield LeftOut(name, _foreign(entry, module))


def _foreign(cls: type, module: ModuleType) -> str:
    return (
        f"{LIST} lists it, but it is defined in {cls.__module__}: a key names the chain file that "
        f"defines the class. Make a subclass of it in {module.__name__.rpartition('.')[2]}.py."
    )


def _listed(module: ModuleType) -> list[type[luigi.Task]]:
    return [entry for entry in _entries(module) if _is_task(entry)]


def _entries(module: ModuleType) -> list[Any]:
    entries = vars(module).get(LIST)
    return list(entries) if isinstance(entries, list | tuple | set | frozenset) else []


def _own_classes(module: ModuleType) -> Iterator[tuple[str, type[luigi.Task]]]:
    for name, value in vars(module).items():
        if _is_task(value) and value.__module__ == module.__name__:
            yield name, value


def _is_own(module: ModuleType, cls: type[luigi.Task]) -> bool:
    return cls.__module__ == module.__name__ and vars(module).get(cls.__name__) is cls


def _is_task(value: Any) -> bool:
    return isinstance(value, type) and issubclass(value, luigi.Task)
