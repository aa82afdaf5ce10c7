"""The methods that every Nectar task has beside Luigi's: a mixin of ``NectarTask``."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sized
from functools import cached_property
from logging import Logger
from pathlib import PurePath
from typing import Any, TypeVar

import luigi

from datanectar.authoring import formats, progress
from datanectar.authoring.frames import LIBRARIES
from datanectar.authoring.task_logger import logger_of
from datanectar.cluster import connection

Item = TypeVar("Item")


class TaskHelpers:
    """``save``, ``load``, ``log``, ``progress`` and ``track``; see docs/task-helpers.md.

    None of them calls another through ``self``: an author's parameter, attribute or method of the
    same name takes its place, and the others keep working.
    """

    def __init_subclass__(cls, **options: Any) -> None:
        """Let a name of the author's win over a helper, wherever among the bases it comes from."""
        super().__init_subclass__(**options)
        for name, helper in _HELPERS.items():
            homes = (vars(base)[name] for base in cls.__mro__ if name in vars(base))
            first, *others = homes
            if first is helper and others:
                setattr(cls, name, others[0])

    def save(self, value: Any, to: luigi.Target | None = None, *, pickle: bool = False) -> None:
        """Write a value as the result, in the format that the file's suffix names.

        The result appears whole, or not at all when the value can't be written. ``output_name``
        chooses the suffix::

            output_name = "out.parquet"

            def run(self):
                self.save(frame)

        Args:
            value: a DataFrame of pandas or polars for ``.parquet``, ``.csv`` and ``.feather``; what
                JSON has for ``.json``, an iterable of it for ``.jsonl``; text for ``.txt``, ``.md``,
                ``.html`` and the like; a matplotlib Figure for ``.png``, ``.svg``, ``.pdf`` and
                ``.jpg``; bytes for any suffix but a pickle's. For a folder, such values by path,
                ``{"sums.json": {...}, "2026/days.csv": frame}``, or the path of a folder to copy.
            to: the target to write, for a task whose ``output()`` has several.
            pickle: allow ``.pkl`` and ``.pickle``, which take any value.

        Raises:
            TypeError: when the file takes no such value; it says which it takes.
            ValueError: when JSON can't have the value, such as NaN.
        """
        target = _only(self, self.output()) if to is None else to  # type: ignore[attr-defined]
        with target.temporary_path() as path:
            try:
                if _is_folder(target):
                    formats.write_folder(value, path, pickled=pickle)
                else:
                    formats.write(value, _suffix(target), path, pickled=pickle)
            except (TypeError, ValueError) as problem:
                kind = TypeError if isinstance(problem, TypeError) else ValueError
                raise kind(
                    f"{type(self).__name__}.save() to {_name(target)}: {problem}"
                ) from problem

    def load(self, of: Any = None, *, frames: str | None = None, pickle: bool = False) -> Any:
        """Return the value in a result, in the format that the file's suffix names.

        ``self.load(self.input())`` returns what ``requires()`` has made, in the same shape: one
        value, a list or a dict. ``task.load()`` returns the task's own result. Of a folder it returns
        the path of a local folder with its files, to read.

        Args:
            of: a target, a task, or a list or dict of them; None: this task's own output.
            frames: whose DataFrames to return, ``"pandas"`` or ``"polars"``; None: pandas if it is
                installed, else polars.
            pickle: allow pickles. They can run any code: load what your own chains have written.

        Raises:
            NotFound: when there is no such result.
            TypeError: when ``of`` is a path, or anything else that is not one of these.
            ImportError: when a library is missing; it says what to install.
        """
        if frames not in (None, *LIBRARIES):
            raise ValueError(f"load(frames={frames!r}): it can be 'pandas' or 'polars'")
        return _load(self.output() if of is None else of, frames, pickle)  # type: ignore[attr-defined]

    @property
    def dask(self) -> Any:
        """A client of the Dask cluster: what a task computes there may be larger than a machine.

        It is a ``distributed.Client``, and the default one of this process from then on::

            def run(self):
                cluster = self.dask
                orders = dask.dataframe.read_parquet("/data/orders/")
                self.save(cluster.compute(orders.amount.sum(), sync=True))

        On a Dask worker it is the client of that worker's cluster. Elsewhere ``DATANECTAR_DASK_SCHEDULER``
        names the cluster; without one a small cluster starts within the process.

        Raises:
            ChainError: when Dask is not installed: ``pip install 'datanectar[dask]'``.
            EngineLost: when the cluster can't be reached.
        """
        return connection.client_of_process(os.getpid())

    @cached_property
    def log(self) -> Logger:
        """A logger whose lines, from INFO on, are in the task's log."""
        return logger_of(type(self))

    def progress(self, done: float, of: float | None = None, message: str | None = None) -> None:
        """Show how far the task is: in the status, on the run's page and on luigid's.

        It may be called as often as one likes: at most two calls a second are sent, and the last.

        Args:
            done: how much is done.
            of: how much there is; None: unknown.
            message: the status message; None: "<done> of <of>".
        """
        progress.report(self, done, of, message)

    def track(self, items: Iterable[Item], of: int | None = None) -> Iterator[Item]:
        """Yield the items, and show how many of them are done.

        Args:
            items: what to go through.
            of: how many there are; None: what ``len(items)`` says, if it has a length.
        """
        total = len(items) if of is None and isinstance(items, Sized) else of
        done = 0
        for item in items:
            progress.report(self, done, total, None)
            yield item
            done += 1
        progress.report(self, done, done, None)


_HELPERS = {
    name: vars(TaskHelpers)[name] for name in ("save", "load", "log", "progress", "track", "dask")
}


def _load(source: Any, library: str | None, pickled: bool) -> Any:
    if isinstance(source, dict):
        return {name: _load(each, library, pickled) for name, each in source.items()}
    if isinstance(source, luigi.Task):
        return _load(source.output(), library, pickled)
    if not isinstance(source, luigi.Target):
        if isinstance(source, (str, bytes)) or not isinstance(source, Iterable):
            raise TypeError(
                f"load({source!r}): it takes a task, a target, or a list or dict of them. A file that "
                "no task makes is declared with external()."
            )
        return [_load(each, library, pickled) for each in source]
    if _is_folder(source):
        return source.local_folder()
    with _opened(source) as stream:
        return formats.read(stream, _suffix(source), library=library, pickled=pickled)


def _is_folder(target: luigi.Target) -> bool:
    return getattr(target, "is_folder", False) is True


def _name(target: Any) -> str:
    return f"{target.name}/" if _is_folder(target) else PurePath(target.path).name


def _opened(target: luigi.Target) -> Any:
    if isinstance(target, luigi.LocalTarget):
        return open(target.path, "rb")  # noqa: PTH123  # its own open() knows text alone
    if isinstance(target, luigi.target.FileSystemTarget):
        raise TypeError(
            f"load() reads results of Nectar tasks and local files. {target!r} is a "
            f"{type(target).__name__}: open it by its own open()."
        )
    return target.open("rb")


def _only(task: Any, output: Any) -> Any:
    if isinstance(output, luigi.Target):
        return output
    raise TypeError(
        f"{type(task).__name__}.save(): the task has several outputs. Say which: "
        "self.save(value, to=self.output()[...])."
    )


def _suffix(target: Any) -> str:
    return PurePath(target.path).suffix.lower()
