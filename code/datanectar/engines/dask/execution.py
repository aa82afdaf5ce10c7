"""One task of a run at a Dask cluster, where Luigi's worker has the process of a task."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import luigi
from luigi.task import flatten
from luigi.worker import TaskStatusReporter

from datanectar.authoring.needs import needs_of
from datanectar.engines.dask.messages import Interrupted, TaskEnd
from datanectar.engines.dask.relay import texts_of
from datanectar.errors import ChainError
from datanectar.limits.watch import limits_of
from datanectar.messages import encode
from datanectar.settings import current
from datanectar.statuses import DONE, FAILED
from datanectar.util.identity import key_of
from datanectar.util.task_params import JSON_PREFIX, text_params
from datanectar.util.tasklog import storage_of

if TYPE_CHECKING:
    from datanectar.engines.dask.engine import DaskEngine

#: The attribute of a task that has yielded others: it goes on with its log.
_YIELDED = "_datanectar_has_yielded"
#: Seconds until a file of another host is seen in a folder that both share, at most.
_SEEN = 10.0


class DaskExecution:
    """A task at the cluster; see :class:`~datanectar.engines.base.Execution`.

    Args:
        task: the task.
        engine: what it runs in.
    """

    end_reported = False
    use_multiprocessing = True

    def __init__(self, task: luigi.Task, engine: DaskEngine) -> None:
        self.task = task
        self._engine = engine
        self.future: Any = None
        self.status_reporter = TaskStatusReporter(None, task.task_id, "", None)
        self.needs = dict(needs_of(type(task)).amounts)
        self.priority = task.priority
        self.has_ended = False
        #: The worker that runs it.
        self.begun_on = ""
        #: What it was said to wait for.
        self.told: str | None = None
        self._in_vain_since: float | None = None

    def start(self) -> None:
        """Submit the task."""
        params = text_params(self.task)
        sent = {name.removeprefix(JSON_PREFIX) for name in params}
        if unsent := sorted(set(self.task.param_kwargs) - sent):
            self._engine.fail(self, _cant_be_sent(unsent[0], self.task))
            return
        job = self._engine.job_of(
            {
                "module": self.task.task_module,
                "family": self.task.task_family,
                "task_id": self.task.task_id,
                "key": str(key_of(self.task)),
                "params": params,
                "continues": vars(self.task).pop(_YIELDED, False),
                "storage": storage_of(self.task).store_address,
                "timeout": self.task.worker_timeout or needs_of(type(self.task)).timeout,
                "limits": limits_of(type(self.task)),
            }
        )
        self.future = self._engine.submit(self, job, encode(job))

    def is_alive(self) -> bool:
        """Tell whether the task has not ended."""
        return not self.has_ended

    def terminate(self) -> None:
        """Cancel the task: its Dask worker ends it within a second."""
        self._engine.cancel(self)

    def reason_of_end(self, *, all_results_read: bool) -> str | None:
        """Return None: the engine hears of every end."""
        return None

    def was_interrupted(self) -> bool:
        """Tell whether its Dask worker gave up the task, as it was cut off or suspended for a while."""
        is_error = self.future.status == "error"
        return is_error and isinstance(self.future.exception(timeout=5), Interrupted)

    def end_without_word(self) -> TaskEnd | None:
        """Return the end of a future that is done and whose task has said nothing of its own end."""
        if self.future.status == "finished":
            return TaskEnd(FAILED, f"Nothing was heard of its end; it ran on {self.begun_on}.")
        if self.future.status != "error":
            return None  # lost with the scheduler, which the engine looks after
        problem = self.future.exception(timeout=5)
        name, words = type(problem).__name__, str(problem)
        if name == "KilledWorker":
            return TaskEnd(FAILED, f"Its Dask worker was lost, again and again: {words}")
        return TaskEnd(FAILED, f"Its Dask worker could not run it: {name}: {words}")

    def waits_in_vain(self, why: str | None, patience: float) -> bool:
        """Tell whether the task has waited longer than ``patience`` for what no worker has."""
        if why is None:
            self._in_vain_since = None
            return False
        self._in_vain_since = self._in_vain_since or time.monotonic()
        return time.monotonic() - self._in_vain_since > patience

    def end(self, end: TaskEnd) -> tuple[Any, ...]:
        """Return an end as Luigi's worker reads it; a result that is not to be seen here is a failure."""
        self.has_ended = True
        status, words = str(end.status), end.explanation
        if status == DONE and current().is_local and not self._is_seen():
            status, words = FAILED, self._not_seen()
        if end.new_deps:
            vars(self.task)[_YIELDED] = True
        if self.future is not None:
            self.future.release()
        deps = [(ref.module, ref.family, texts_of(ref)) for ref in end.new_deps]
        return self.task.task_id, status, words, end.missing, deps

    def _is_seen(self) -> bool:
        deadline = time.monotonic() + _SEEN
        targets = flatten(self.task.output())
        while not (all(target.exists() for target in targets) or self.task.complete()):
            if time.monotonic() > deadline:
                return False
            time.sleep(0.2)
        return True

    def _not_seen(self) -> str:
        return ChainError(
            f"It was done by {self.begun_on}, and its result is not to be seen here. Let "
            f"{current().local_targets} be a folder that all hosts share, or keep results in S3 (ENV)."
        ).message


def _cant_be_sent(parameter: str, task: luigi.Task) -> str:
    kind = type(task.param_kwargs[parameter]).__name__
    return (
        f"ChainError: {type(task).__name__}: its parameter {parameter} is a {kind}, which can't be "
        "sent to another machine. Use a value that JSON has, or engine = 'processes'."
    )
