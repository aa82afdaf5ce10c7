"""The Luigi worker of a run."""

from __future__ import annotations

import multiprocessing
from collections.abc import Iterator
from typing import Any

import luigi
from luigi.worker import TaskStatusReporter, Worker, _get_retry_policy_dict

from datanectar import reasons
from datanectar.authoring.needs import needs_of
from datanectar.engines.base import Engine, Execution, is_for
from datanectar.errors import ChainError
from datanectar.rpc.resources import problem_of
from datanectar.rpc.scheduler import PING_INTERVAL
from datanectar.runner import task_log
from datanectar.runner.result_queue import EngineQueue, ResultQueue
from datanectar.runner.task_host import TaskHost, TaskHosts
from datanectar.runner.task_process import RunTaskProcess
from datanectar.statuses import DONE, FAILED, RUNNING

#: Tasks that an engine has at once: each question to luigid for work names all that run.
_MOST_IN_ENGINE = 500
#: Luigi's options (``[worker]`` in luigi.cfg) that are not the author's to set.
_OPTIONS = {
    "keep_alive": True,
    # ``RunScheduler.get_work`` ends a worker by the one count that neither of these looks at.
    "count_uniques": False,
    "count_last_scheduled": False,
    "wait_interval": 0.1,
    "wait_jitter": 0.0,
    "ping_interval": PING_INTERVAL,
    "check_complete_on_run": True,  # in the sense of ``verdict.is_done``
    "send_failure_email": False,
    "task_process_context": "datanectar.runner.task_log.TaskLog",
}


class RunWorker(Worker):
    """Luigi's worker with a :class:`~datanectar.rpc.scheduler.RunScheduler`.

    It sees to what luigid must be told or must not, and to task processes that end badly.

    Args:
        scheduler: the run's client of luigid.
        engine: what runs tasks whose class or setting asks for it; None: processes do.
        worker_id: the worker's name at luigid.
        worker_processes: how many tasks run at the same time.
        arguments: these, and options of Luigi's worker in place of ours.
    """

    def __init__(self, **arguments: Any) -> None:
        self._engine: Engine | None = arguments.pop("engine", None)
        super().__init__(**{**_OPTIONS, **arguments})
        self._task_result_queue: Any = ResultQueue()
        self._hosts = TaskHosts(lambda task_id: self._create_task_process(self._task(task_id)))
        self._in_groups: list[RunTaskProcess] = []
        if self._engine:
            self._task_result_queue = EngineQueue(self._engine)
            self._engine.open(self._task_result_queue.put_news, self._scheduler)

    @property
    def worker_processes(self) -> int:
        """How many tasks may run: those of an engine take no place from those of this host."""
        elsewhere = self._engine.running() if self._engine else 0
        return len(self._running_tasks) if elsewhere >= _MOST_IN_ENGINE else self._slots + elsewhere

    @worker_processes.setter
    def worker_processes(self, number: int) -> None:
        self._slots = number

    def __exit__(self, *arguments: Any) -> bool:
        """End the processes of tasks (luigi/worker.py ``Worker``); all are asked at once."""
        processes = [
            each for each in self._running_tasks.values() if isinstance(each, RunTaskProcess)
        ]
        for process in processes:
            process.ask_to_end()
        for process in processes:
            process.terminate()
        ended = super().__exit__(*arguments)
        self._hosts.close()
        self._remove_groups(also_of_running=True)
        return bool(ended)

    def _task(self, task_id: str) -> luigi.Task:
        task: luigi.Task = self._scheduled_tasks[task_id]
        return task

    def add(self, task: luigi.Task, *args: Any, **options: Any) -> Any:
        """Check and schedule a task and all it requires (luigi/worker.py ``Worker.add``)."""
        if isinstance(task, luigi.Task):
            self._scheduler.names.add(task)
        return super().add(task, *args, **options)

    def _add(self, task: luigi.Task, is_complete: Any) -> Iterator[luigi.Task]:
        problem = _scheduling_problem(task)
        if problem is not None:
            self._add_unschedulable(task, is_complete, problem)
            return
        for dependency in super()._add(task, is_complete):
            self._scheduler.names.add(dependency)
            yield dependency

    def _add_unschedulable(self, task: luigi.Task, is_complete: Any, problem: str) -> None:
        """Add a task whose options luigid can't take: it is complete, or it has failed."""
        self._scheduled_tasks[task.task_id] = task
        if is_complete is not True:
            self.add_succeeded = False
            task.trigger_event(luigi.Event.BROKEN_TASK, task, ChainError(problem))
        status = DONE if is_complete is True else FAILED
        self._scheduler.add_unschedulable(self._id, task, status, f"{task}: {problem}")

    def _add_task_batcher(self, task: luigi.Task) -> None:
        self._scheduler.names.add(task)  # two chains may have one family: the last one counts
        super()._add_task_batcher(task)

    def _add_task(self, *args: Any, **call: Any) -> None:
        task = self._scheduled_tasks.get(call["task_id"])
        if task is not None:
            self._scheduler.tasks.by_id[call["task_id"]] = task
        super()._add_task(*args, **call)

    def _create_task_process(self, task: luigi.Task) -> Execution:
        """Return what runs a task: its engine's, or our kind of process as in luigi/worker.py."""
        if self._engine and is_for("dask", task):
            return self._engine.execution(task)
        # In this process it would keep the worker from what comes of the engine.
        is_mixed = self._engine is not None and self._engine.running() > 0
        messages: Any = multiprocessing.Queue() if task.accepts_messages else None
        process = RunTaskProcess(
            self._config.task_process_context,
            task,
            self._id,
            self._task_result_queue,
            TaskStatusReporter(self._scheduler, task.task_id, self._id, messages),
            use_multiprocessing=self._config.force_multiprocessing or self._slots > 1 or is_mixed,
            worker_timeout=needs_of(type(task)).timeout or self._config.timeout,
            check_unfulfilled_deps=self._config.check_unfulfilled_deps,
            check_complete_on_run=self._config.check_complete_on_run,
            task_completion_cache=self._task_completion_cache,
        )
        process.start_in_host = self._start_in_host
        return process

    def _start_in_host(self, process: RunTaskProcess) -> TaskHost:
        running = set(self._running_tasks) - {process.task.task_id}
        self._remove_groups(also_of_running=False)
        if process.group:
            self._in_groups.append(process)
        return self._hosts.start(process, running, self._scheduled_tasks)

    def _remove_groups(self, *, also_of_running: bool) -> None:
        """Remove the control groups of tasks whose processes have ended."""
        for process in self._in_groups:
            if process.group and (also_of_running or process.exitcode is not None):
                process.group.remove()
        self._in_groups = [each for each in self._in_groups if each.exitcode is None]

    def _get_work_task_id(self, work: dict[str, Any]) -> str | None:
        """Return the id of the task to run: one that was scheduled here, or a batch of them.

        Luigi would make the task of a batch from the names and texts in luigid's reply.
        """
        task_id: str | None = work["task_id"]
        if task_id is None and "batch_id" in work:
            task = self._scheduler.batch_task(work["batch_task_ids"])
            task_id = str(task.task_id)
            self._scheduler.add_task(
                worker=self._id,
                task_id=task_id,
                module=task.task_module,
                family=task.task_family,
                params=task.to_str_params(),
                status=RUNNING,
                batch_id=work["batch_id"],
            )
        if task_id is not None:
            self._scheduled_tasks.setdefault(task_id, self._scheduler.tasks.by_id[task_id])
        return task_id

    def _purge_children(self) -> None:
        """Put results of processes that left none into the queue; Luigi reads the queue after this."""
        if self._engine:
            self._engine.check()
        for task_id, process in self._running_tasks.items():
            if process.use_multiprocessing and not process.end_reported:
                reason = process.reason_of_end(all_results_read=self._task_result_queue.empty())
                if reason:
                    process.end_reported = True
                    task_log.append_reason(process.task, reason)
                    self._task_result_queue.put((task_id, FAILED, reason, [], []))


def _scheduling_problem(task: luigi.Task) -> str | None:
    """Return why luigid can't take a task, or None. Its options may be an author's code."""
    try:
        return problem_of(
            {
                "resources": task.process_resources(),
                "priority": task.priority,
                "retry_policy_dict": _get_retry_policy_dict(task),
                "max_batch_size": task.max_batch_size,
            }
        )
    except Exception as problem:
        return f"its options can't be read: {reasons.of_exception(problem)}"
