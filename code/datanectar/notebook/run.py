"""``datanectar.run(task)``: runs a task now, in this process, without a server."""

from __future__ import annotations

import contextlib
import json
import multiprocessing
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import IO, Any, cast

import luigi
from luigi.task import flatten

from datanectar.errors import DatanectarError, NotFound
from datanectar.keys import LOG_FILE, parse_key, run_time_text, set_run_time
from datanectar.local_run.build import LocalRun, build, log_address
from datanectar.runner.luigi_setup import luigi_configured
from datanectar.runner.task_process import RunTaskProcess
from datanectar.statuses import DONE, PENDING
from datanectar.util.identity import key_of
from datanectar.util.target import NectarTarget
from datanectar.util.tasklog import is_recording, storage_of

#: Lines of a log in the message of an error.
_LINES = 15


@dataclass(frozen=True)
class Result:
    """A run that ended, and the result of its task.

    Attributes:
        task: the task that was run.
        status: ``DONE``; ``FAILED`` in the ``result`` of a :class:`RunFailed`.
        key: the task's key, ``chains/<type>/<chain>/<Task>/<md5>``.
        ran: the names of the tasks that ran, in this order. It is empty when the result was there.
        tasks: the status of each task of the run: ``DONE``, ``FAILED`` or ``PENDING``.
        requires: what each task of the run requires, as far as it is part of the run.
    """

    task: luigi.Task
    status: str
    key: str
    ran: list[str]
    tasks: dict[luigi.Task, str] = field(repr=False)
    requires: dict[luigi.Task, list[luigi.Task]] = field(repr=False)
    _targets: list[Any] = field(repr=False)

    @property
    def path(self) -> str:
        """Where the result is: a path on this host, or an ``s3://`` URL."""
        return str(getattr(self._target(), "path", self._target()))

    @property
    def log(self) -> str:
        """The task's log; empty when it has none, as a task that another tool ran."""
        return log_of(self.task, self.key)

    def open(self, mode: str = "r") -> IO[Any]:
        """Open the result to read it; ``rb`` for bytes, for targets that know this mode."""
        return cast("IO[Any]", self._target().open(mode))

    def read_bytes(self) -> bytes:
        """Return the result's content."""
        target = self._target()
        if isinstance(target, NectarTarget):
            mode = "rb"
        elif isinstance(target, luigi.LocalTarget):
            target, mode = luigi.LocalTarget(target.path, format=luigi.format.Nop), "r"
        else:
            mode = "r"
        with target.open(mode) as stream:
            content = stream.read()
        return content if isinstance(content, bytes) else content.encode()

    def read_text(self, encoding: str = "utf-8") -> str:
        """Return the result's content as text."""
        return self.read_bytes().decode(encoding)

    def json(self) -> Any:
        """Return the value that the result holds as JSON."""
        return json.loads(self.read_bytes())

    def _target(self) -> Any:
        """Return the one target of the task.

        Raises:
            DatanectarError: when it has none, or several.
        """
        if len(self._targets) == 1:
            return self._targets[0]
        raise DatanectarError(
            f"{type(self.task).__name__} has {len(self._targets)} outputs, not one: "
            "use result.task.output()."
        )

    def _repr_html_(self) -> str:
        from datanectar.notebook.html import run_html

        return run_html(self)


class RunFailed(DatanectarError):
    """Raised when a run failed. The error that a task raised is its ``__cause__``.

    Attributes:
        task: the task that failed, as ``<type>/<chain>/<Task>``.
        reason: why, in one line.
        key: the key of that task.
        log: the text of its log.
        result: the run, as a :class:`Result` whose status is ``FAILED``.
    """

    def __init__(self, ended: LocalRun, result: Result) -> None:
        self.key = ended.failed_key
        self.task = "/".join(self.key.split("/")[1:4])
        self.reason = ended.outcome.error or ""
        self.result = result
        failed = next((task for task in result.tasks if _key(task) == self.key), result.task)
        self.log = log_of(failed, self.key) or ended.outcome.traceback or ""
        lines = "".join(f"\n  | {line}" for line in self.log.splitlines()[-_LINES:])
        super().__init__(
            f"{self.task} failed: {self.reason}\n  log: {log_address(self.key)}{lines}"
        )

    def _repr_html_(self) -> str:
        return self.result._repr_html_()


def run(task: luigi.Task) -> Result:
    """Run a task and all that it requires, now and in this process, without a server.

    Keys, files, logs and errors are those of the service; what is there is not made again. The
    process is left as it was, but for the run date: until the next run, ``task.key`` is of this one's.

    Args:
        task: a task of a chain, such as ``ReportTask(day=date(2026, 1, 1))``.

    Returns:
        The result, once it is there.

    Raises:
        RunFailed: when a task failed, with the task, the reason and its log.
        DatanectarError: when it can't be begun, as for a class that is in no chain.
    """
    return run_at(run_time_text(), task)


def run_at(run_time: str, task: luigi.Task, **worker_options: Any) -> Result:
    """Do what :func:`run` does, with this run time (:func:`datanectar.keys.run_time_text`).

    Args:
        worker_options: options of :class:`~datanectar.runner.luigi_worker.RunWorker`.
    """
    if is_recording():
        raise DatanectarError(
            "run() can't be called by a task: have requires() return the other task, or yield it."
        )
    set_run_time(run_time)
    options = {"no_install_shutdown_handler": True, **worker_options}  # signals are not ours
    with luigi_configured(), _first_error() as first:
        try:
            ended = build(task, _show, **options)
        except KeyboardInterrupt:
            _end_task_processes()
            raise
    result = _result(task, ended)
    if result.status != DONE:
        raise RunFailed(ended, result) from first()
    return result


def _show(line: str) -> None:
    print(line, file=sys.stderr)


@contextlib.contextmanager
def _first_error() -> Iterator[Callable[[], BaseException | None]]:
    """Give a function that returns the first error that a task of the block raised in this process."""
    errors: list[BaseException] = []

    def note(task: luigi.Task, problem: BaseException) -> None:
        errors.append(problem)

    luigi.Task.event_handler(luigi.Event.FAILURE)(note)
    try:
        yield lambda: errors[0] if errors else None
    finally:
        luigi.Task.remove_event_handler(luigi.Event.FAILURE, note)


def _end_task_processes() -> None:
    """End the processes of tasks that an interrupted run has left (``workers`` above 1)."""
    for process in multiprocessing.active_children():
        if isinstance(process, RunTaskProcess):
            process.terminate()


def _result(task: luigi.Task, ended: LocalRun) -> Result:
    tasks, by_id = ended.tasks, ended.tasks.by_id
    statuses = {each: tasks.statuses.get(id, PENDING) for id, each in by_id.items()}
    if not ended.ran and ended.outcome.status == DONE:
        statuses[task] = DONE
    requires = {
        each: [by_id[dep] for dep in sorted(tasks.deps.get(id, ())) if dep in by_id]
        for id, each in by_id.items()
    }
    ran = [type(by_id[id]).__name__ for id in ended.ran]
    targets = list(flatten(task.output()))
    return Result(task, ended.outcome.status, ended.key, ran, statuses, requires, targets)


def log_of(task: luigi.Task, key: str) -> str:
    """Return the log of a task; empty when it has none."""
    try:
        content = b"".join(storage_of(task).read_chunks(parse_key(key), LOG_FILE))
    except NotFound:
        return ""
    return content.decode(errors="replace")


def _key(task: luigi.Task) -> str | None:
    try:
        return str(key_of(task))
    except DatanectarError:
        return None
