"""Imports chains and describes their tasks, in children and in a developer's own process."""

from __future__ import annotations

import importlib
import inspect
import os
import sys
import traceback
from collections.abc import Iterable
from pathlib import Path
from types import ModuleType

import luigi
from luigi.parameter import OptionalParameterMixin
from luigi.task_register import Register

from datanectar import reasons
from datanectar.catalog import routes
from datanectar.catalog.chain_environment import runs_refused
from datanectar.catalog.files import chain_path, file_stamp, find_chains, like_chain, no_task
from datanectar.catalog.source_loader import always_import_edits
from datanectar.errors import ChainError, NotFound
from datanectar.legacy import imports as legacy_imports
from datanectar.messages import ChainDescription, ParameterDescription, TaskDescription
from datanectar.parameters.class_options import check_options, class_option
from datanectar.parameters.types import choices_of
from datanectar.parameters.values import default_of, is_readable, text_of
from datanectar.parameters.visibility import is_public
from datanectar.settings import current
from datanectar.settings.ages import FOREVER
from datanectar.util.inputs.external import check_addresses
from datanectar.util.sqla import mend_sqla


class APIChainCollector:
    """Finds chains and describes their tasks.

    Args:
        chains: the folder that holds ``<type>/<name>_chain.py``; by default the project's.

    A module is imported as ``chains.<type>.<name>_chain``, once per process. A process that needs
    a chain as it is on disk now has a child import it.
    """

    def __init__(self, chains: Path | str | None = None) -> None:
        self.chains = Path(chains).absolute() if chains else current().chains
        self._make_importable()

    def collect(self) -> list[ChainDescription]:
        """Import and describe every chain; one that can't be imported has its ``error``."""
        return [
            ChainDescription(file.type, file.name, str(file.path), error=file.problem)
            if file.problem
            else self.describe(file.type, file.name)
            for file in find_chains(self.chains)
        ]

    def describe(self, type: str, name: str) -> ChainDescription:
        """Import one chain and return its description, with an ``error`` if that fails.

        Raises:
            NotFound: when there is no such file.
        """
        path = str(self._path(type, name))
        known = set(sys.modules)
        try:
            module = self.import_chain(type, name)
        except ChainError as problem:
            return ChainDescription(
                type, name, path, error=problem.message, sources=self._sources(known)
            )
        tasks = [describe_task(cls) for cls in self.task_classes(module)]
        tasks += [
            TaskDescription(cls.__name__, _doc(cls), error=reason)
            for cls, reason in routes.misnamed(module)
        ]
        doc = inspect.getdoc(module) or ""
        return ChainDescription(
            type,
            name,
            path,
            doc,
            tasks,
            sources=self._sources(known),
            left_out=routes.left_out(module),
            keeps=_keeps(module),
        )

    def task_class(self, type: str, name: str, task: str) -> type[luigi.Task]:
        """Import a chain and return one of its task classes.

        Raises:
            NotFound: when there is no such chain or task.
            ChainError: when the chain can't be imported.
        """
        module = self.import_chain(type, name)
        for cls in self.task_classes(module):
            if cls.__name__ == task:
                return cls
        for cls, reason in routes.misnamed(module):
            if cls.__name__ == task:
                raise NotFound(f"{type}/{name} has no route for {task[:100]!r}: {reason}")
        tasks = [TaskDescription(cls.__name__, "") for cls in self.task_classes(module)]
        chain = ChainDescription(type, name, "", "", tasks, left_out=routes.left_out(module))
        raise NotFound(no_task(chain, task))

    def import_chain(self, type: str, name: str) -> ModuleType:
        """Import a chain's module.

        Raises:
            NotFound: when there is no such file.
            ChainError: with the error and its place when the import fails, whatever it raises.
        """
        path = self._path(type, name)
        try:
            with runs_refused():
                return importlib.import_module(f"chains.{type}.{name}")
        except BaseException as problem:  # authors' code: SystemExit and KeyboardInterrupt too
            raise ChainError(_import_error(problem, path)) from problem

    @staticmethod
    def task_classes(module: ModuleType) -> list[type[luigi.Task]]:
        """Return the task classes of a chain's module that have a route, in the module's order."""
        return routes.routed(module)

    def _path(self, type: str, name: str) -> Path:
        path = chain_path(self.chains, type, name)
        if path is None:
            like = like_chain(self.chains, type, name)
            raise NotFound(f"There is no chain {type[:100]}/{name[:100]}.{like}")
        return path

    def _make_importable(self) -> None:
        source = str(self.chains.parent)
        if source not in sys.path:
            sys.path.insert(0, source)
        always_import_edits(source)
        legacy_imports.make_importable()
        mend_sqla()

    def _sources(self, known: Iterable[str]) -> list[tuple[str, int, int]]:
        """Return the project's files that were imported since ``known``, with time and size."""
        root = str(self.chains.parent) + os.sep
        files = {
            getattr(module, "__file__", None)
            for name, module in list(sys.modules.items())
            if name not in known
        }
        inside = sorted(file for file in files if file and file.startswith(root))
        return [(file, *file_stamp(file)) for file in inside]


def _keeps(module: ModuleType) -> dict[str, str]:
    """Return how long the results of a module's classes are kept; one that can't be read: for ever."""
    found: dict[str, str] = {}
    for cls in Register._reg:
        if getattr(cls, "__module__", None) == module.__name__:
            try:
                keep = class_option(cls, "keep", None)
            except ChainError:
                keep = FOREVER
            found |= {cls.__name__: keep} if keep else {}
    return found


def _import_error(problem: BaseException, path: Path) -> str:
    """Return one line: the error, and the last line of the chain file that led to it."""
    if isinstance(problem, SyntaxError):
        file = Path(problem.filename or path).name
        return f"{type(problem).__name__}: {problem.msg} ({file}, line {problem.lineno})"
    frames = traceback.extract_tb(problem.__traceback__)
    lines = [frame.lineno for frame in frames if frame.filename == str(path)]
    place = f"{path.name}, line {lines[-1]}" if lines else path.name
    if isinstance(problem, SystemExit):
        return (
            f"it calls sys.exit({problem.code!r}) when it is imported ({place}): "
            "put what it does as a script below `if __name__ == '__main__':`"
        )
    return f"{reasons.of_exception(problem)} ({place})"


def describe_task(cls: type[luigi.Task]) -> TaskDescription:
    """Return a task class's doc and parameters, or the error when an option or a default can't be used."""
    schedule = None
    try:
        check_options(cls)
        check_addresses(cls)
        schedule = class_option(cls, "schedule", None)
        catch_up = class_option(cls, "catch_up", None)
        parameters = [describe_parameter(cls, name, item) for name, item in cls.get_params()]
    except Exception as problem:
        error = reasons.of_exception(problem)
        return TaskDescription(cls.__name__, _doc(cls), [], schedule, error)
    note = "no result to keep: runs every time" if _keeps_nothing(cls) else None
    return TaskDescription(
        cls.__name__, _doc(cls), parameters, schedule, catch_up=catch_up, note=note
    )


def _doc(cls: type[luigi.Task]) -> str:
    return inspect.cleandoc(vars(cls).get("__doc__") or "")  # not that of a base class


def _keeps_nothing(cls: type[luigi.Task]) -> bool:
    """Return whether the class has a ``run``, and neither ``output`` nor ``complete``."""
    plain = cls.output is luigi.Task.output and cls.complete is luigi.Task.complete
    return plain and cls.run is not None and not issubclass(cls, luigi.Config)


def describe_parameter(
    cls: type[luigi.Task], name: str, item: luigi.Parameter
) -> ParameterDescription:
    """Return one parameter as the API shows it; a hidden or private default is not shown."""
    required = not item.has_task_value(cls.get_task_family(), name)
    shown = is_public(item)
    default = None if required else default_of(cls, name, item)
    return ParameterDescription(
        name=name,
        type=type(item).__name__,
        required=required,
        default=text_of(item, default) if shown and default is not None else None,
        description=_description(item),
        choices=choices_of(item) if shown else None,
        significant=bool(item.significant),
        private=not shown,
        optional=isinstance(item, OptionalParameterMixin) or (not required and default is None),
        default_readable=required or default is None or is_readable(item, default),
    )


def _description(item: luigi.Parameter) -> str | None:
    """Return the author's words, without the list of choices that Luigi adds in random order."""
    words = (item.description or "").partition("Choices: {")[0].strip()
    return words or None
