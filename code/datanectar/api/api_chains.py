"""Discovery: the only importer of chains. Runs in children and in a developer's own process."""

from __future__ import annotations

import importlib
import inspect
import os
import sys
import traceback
from collections.abc import Iterable
from pathlib import Path
from types import ModuleType
from typing import Any

import luigi
from luigi.parameter import OptionalParameterMixin, ParameterVisibility

from datanectar import cron
from datanectar.chainfiles import chain_path, file_stamp, find_chains, like_chain
from datanectar.errors import ChainError, NotFound
from datanectar.keys import NAME
from datanectar.records import Chain, Parameter, Task
from datanectar.settings import current
from datanectar.util.configuration import follow_files
from datanectar.util.identity import class_option
from datanectar.util.sources import always_import_edits


class APIChainCollector:
    """Finds chains and describes their tasks.

    Args:
        chains: the folder that holds ``<type>/<name>_chain.py``; by default the project's.

    A module is imported as ``chains.<type>.<name>_chain``, once per process: what a long-lived
    process wants fresh, it has a child do.
    """

    def __init__(self, chains: Path | str | None = None) -> None:
        self.chains = Path(chains).absolute() if chains else current().chains
        self._make_importable()

    def collect(self) -> list[Chain]:
        """Import and describe every chain; one that can't be imported carries its error."""
        return [
            Chain(file.type, file.name, str(file.path), error=file.problem)
            if file.problem
            else self.describe(file.type, file.name)
            for file in find_chains(self.chains)
        ]

    def describe(self, type: str, name: str) -> Chain:
        """Import one chain and return its tasks, or why it can't be imported.

        Raises:
            NotFound: when there is no such file.
        """
        path = str(self._path(type, name))
        known = set(sys.modules)
        try:
            module = self.import_chain(type, name)
        except ChainError as problem:
            return Chain(type, name, path, error=problem.message, sources=self._sources(known))
        tasks = [describe_task(cls) for cls in self.task_classes(module)]
        doc = inspect.getdoc(module) or ""
        return Chain(type, name, path, doc, tasks, sources=self._sources(known))

    def task_class(self, type: str, name: str, task: str) -> type[luigi.Task]:
        """Import a chain and return one of its task classes.

        Raises:
            NotFound: when the chain or the task is not there.
            ChainError: when the chain can't be imported.
        """
        classes = {cls.__name__: cls for cls in self.task_classes(self.import_chain(type, name))}
        if task not in classes:
            has = ", ".join(classes) or "none"
            raise NotFound(f"{type}/{name} has no task {task[:100]!r}; its tasks: {has}.")
        return classes[task]

    def import_chain(self, type: str, name: str) -> ModuleType:
        """Import a chain's module.

        Raises:
            NotFound: when there is no such file.
            ChainError: with the error and its place when the import fails, whatever it raises.
        """
        path = self._path(type, name)
        try:
            return importlib.import_module(f"chains.{type}.{name}")
        except BaseException as problem:  # authors' code: SystemExit and KeyboardInterrupt too
            raise ChainError(import_problem(problem, path)) from problem

    @staticmethod
    def task_classes(module: ModuleType) -> list[type[luigi.Task]]:
        """Return the task classes that the module itself defines, in the order it does."""
        return [
            value
            for name, value in vars(module).items()
            if name.endswith("Task")
            and NAME.match(name)
            and isinstance(value, type)
            and issubclass(value, luigi.Task)
            and value.__module__ == module.__name__
            and value.__name__ == name
        ]

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
        follow_files()

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


def import_problem(problem: BaseException, path: Path) -> str:
    """Return one line: the error, and the last line of the chain's own that led to it."""
    if isinstance(problem, SystemExit):
        text = f"it calls sys.exit({problem.code!r}) when it is imported"
    else:
        text = traceback.format_exception_only(problem)[-1].strip()
    if isinstance(problem, SyntaxError):
        return f"{text} ({Path(problem.filename or path).name}, line {problem.lineno})"
    frames = traceback.extract_tb(problem.__traceback__)
    lines = [frame.lineno for frame in frames if frame.filename == str(path)]
    return f"{text} ({path.name}, line {lines[-1]})" if lines else f"{text} ({path.name})"


def describe_task(cls: type[luigi.Task]) -> Task:
    """Return a task class's doc and parameters; one whose default can't be made has its error."""
    doc = cls.__dict__.get("__doc__") or ""
    schedule = class_option(cls, "schedule", None)
    try:
        if schedule is not None:
            cron.parse(schedule)
        parameters = [describe_parameter(cls, name, item) for name, item in cls.get_params()]
    except Exception as problem:
        ours = isinstance(problem, ChainError)
        error = str(problem) if ours else traceback.format_exception_only(problem)[-1].strip()
        schedule = schedule if isinstance(schedule, str) else None
        return Task(cls.__name__, inspect.cleandoc(doc), [], schedule, error)
    return Task(cls.__name__, inspect.cleandoc(doc), parameters, schedule)


def describe_parameter(cls: type[luigi.Task], name: str, item: luigi.Parameter) -> Parameter:
    """Return one parameter as the API shows it; a hidden or private default is not shown."""
    required = not item.has_task_value(cls.get_task_family(), name)
    shown = item.visibility == ParameterVisibility.PUBLIC
    default = None if required or not shown else _default_text(cls, name, item)
    return Parameter(
        name=name,
        type=type(item).__name__,
        required=required,
        default=default,
        description=_description(item),
        choices=choices_of(item),
        significant=bool(item.significant),
        private=not shown,
        optional=isinstance(item, OptionalParameterMixin),
    )


def _default_text(cls: type[luigi.Task], name: str, item: luigi.Parameter) -> str | None:
    try:
        value = item.task_value(cls.get_task_family(), name)
        return None if value is None else str(item.serialize(value))
    except Exception as problem:  # an author's default, or Luigi's configuration
        reason = traceback.format_exception_only(problem)[-1].strip()
        raise ChainError(f"parameter {name}: its default can't be used: {reason}") from problem


def _description(item: luigi.Parameter) -> str | None:
    """Return the author's words, without the list of choices that Luigi adds in random order."""
    words = (item.description or "").partition("Choices: {")[0].strip()
    return words or None


def choices_of(item: luigi.Parameter) -> list[str] | None:
    """Return what a choice or enum parameter accepts, as text.

    Luigi keeps both in private attributes (parameter.py ``ChoiceParameter``, ``EnumParameter``).
    """
    enum: Any = getattr(item, "_enum", None)
    if enum is not None:
        return [member.name for member in enum]
    choices = getattr(item, "_choices", None)
    return None if choices is None else sorted(str(choice) for choice in choices)
