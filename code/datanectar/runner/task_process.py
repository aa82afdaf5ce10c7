"""The process of one task of a run: how it is judged, how its failure is explained, how it ends."""

from __future__ import annotations

import contextlib
import logging
import signal
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import luigi
from luigi.worker import ContextManagedTaskProcess

from datanectar import reasons
from datanectar.authoring.needs import needs_of
from datanectar.limits.applied import limited
from datanectar.limits.cgroup import Group, make_group
from datanectar.limits.usage import Usage
from datanectar.limits.watch import Watch, limits_of
from datanectar.limits.wording import advice, what_to_do
from datanectar.parameters.class_options import class_option
from datanectar.runner import verdict
from datanectar.runner.stopping import TaskStopped
from datanectar.runner.task_host import TaskHost
from datanectar.settings import current

if TYPE_CHECKING:
    import psutil


class RunTaskProcess(ContextManagedTaskProcess):
    """Luigi's process of a task (luigi/worker.py ``TaskProcess``), with a run's rules.

    With one worker process, Luigi runs it within the worker's own process, unless the task has a
    limit of its own. Otherwise it runs in a :class:`~datanectar.runner.task_host.TaskHost`.
    """

    #: Starts this in a process that is free, or in a new one, and returns that.
    start_in_host: Callable[[RunTaskProcess], TaskHost]
    #: The process in which it runs.
    host: TaskHost | None = None
    #: The control group of the task's processes, if they have one.
    group: Group | None = None
    #: Whether the process may do another task after this one: it has not failed.
    may_be_followed = False

    #: Whether the worker has reported that this process ended without a result.
    end_reported = False
    check_complete: Callable[[luigi.Task], Any]
    use_multiprocessing: bool

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        #: Processes that the task has started, as of when it was asked to end.
        self._below: list[psutil.Process] = []
        self._needs = needs_of(type(self.task))
        self._watch: Watch | None = None
        if self._needs.stay_in_process:
            self.use_multiprocessing = True
        self._is_complete = self.check_complete
        self.check_complete = self._check_complete

    @property
    def may_share(self) -> bool:
        """Whether the task may run in a process that other tasks have used, or will use."""
        owns = class_option(type(self.task), "own_process", False)
        return not (owns or self._needs.stay_in_process or self.task.accepts_messages)

    def start(self) -> None:
        """Begin the task in a process."""
        if not self._needs.is_watched:
            self.host = self.start_in_host(self)
            return
        from datanectar.limits.process_tree import ProcessTree  # rarely needed, as psutil

        self.group = make_group(self._needs)
        self.host = self.start_in_host(self)
        limits, pid = limits_of(type(self.task)), self.host.pid or 0
        processes = self.group or ProcessTree(pid, limits)
        self._watch = Watch(pid, limits, processes, current().kill_after)

    def is_alive(self) -> bool:
        """Tell whether its process runs."""
        return self.host is not None and self.host.is_alive()

    @property
    def exitcode(self) -> int | None:
        """How its process ended; None when it has not."""
        return self.host.exitcode if self.host is not None else None

    def ask_to_end(self) -> None:
        """Have the task end by itself; harmless when it has, or has no process of its own."""
        import psutil  # rarely needed, and a child imports no more than it must

        if self.host is None:
            return
        with contextlib.suppress(psutil.NoSuchProcess):
            # Now: once the task has ended, they have another parent.
            self._below += psutil.Process(self.host.pid).children(recursive=True)
        self.host.terminate()

    def run(self) -> None:
        """Run the task, in its process (luigi/worker.py ``ContextManagedTaskProcess``)."""
        self.may_be_followed = self.may_share
        super().run()

    def _run_get_new_deps(self) -> Any:
        if self.group:
            self.group.enter()
        usage = Usage()
        try:
            with limited(type(self.task), usage):
                return super()._run_get_new_deps()
        finally:
            self._report_usage(usage.peak_memory, usage.cpu_time)

    def _report_usage(self, peak_memory: int, cpu_time: float) -> None:
        scheduler = self.status_reporter._scheduler
        scheduler.report(self.task.task_id, peak_memory=peak_memory, cpu_time=cpu_time)

    def _check_complete(self, task: luigi.Task) -> bool:
        """Tell whether a dependency is complete, or whether this task, which has run, is done."""
        if task is self.task and not luigi.worker._is_external(task):
            return verdict.is_done(task)
        is_complete = bool(self._is_complete(task))
        if is_complete and task.task_id != self.task.task_id:
            self.status_reporter._scheduler.report_found(self.task.task_id, task)
        return is_complete

    def _handle_run_exception(self, problem: BaseException) -> str:
        """Have Luigi log the failure and call the handlers; return the explanation."""
        self.may_be_followed = False
        reasons.forget_environment(problem)
        try:
            words = super()._handle_run_exception(problem)
        except Exception:  # an author's on_failure()
            logging.getLogger("luigi-interface").exception("on_failure() failed in its turn:")
            words = None
        if not isinstance(problem, TaskStopped):
            return reasons.explanation(words, problem)
        if not self.use_multiprocessing:  # the run is to end
            raise problem
        reason = self._timeout_reason() if self.worker_timeout else str(problem)
        logging.getLogger("luigi-interface").error(reason)
        return reason

    def _timeout_reason(self) -> str:
        return (
            f"Task {self.task.task_id} timed out after {self.worker_timeout:g} seconds and was "
            f"terminated: {what_to_do('timeout')}"
        )

    def reason_of_end(self, *, all_results_read: bool) -> str | None:
        """Return why the process leaves no result, or None when one may still come.

        Luigi's worker waits for ever for a process that ends with code 0 and leaves no result, and
        for one that is out of time and ignores SIGTERM (luigi/worker.py ``_purge_children``).

        Args:
            all_results_read: whether the queue of results is empty.
        """
        if self.exitcode:
            return self._failed(self._reason_of_death(self.exitcode))
        if self.exitcode == 0:
            # It has sent its result, if there is one, which may still be in the queue.
            reason = f"Task {self.task.task_id} ended its process (exit code 0) and left no result."
            return reason if all_results_read else None
        if self.timeout_time is not None and time.time() > self.timeout_time:
            self.terminate()
            reason = self._timeout_reason()
            self.task.trigger_event(luigi.Event.TIMEOUT, self.task, reason)
            return reason if self.exitcode else None  # it ended in time, and has told the same
        if self._watch and self.host and self._watch.look():
            self._watch.kill()
            self.host.join()
            return self._failed(self._watch.reason(self.task.task_id))
        return None

    def _failed(self, reason: str) -> str:
        """Report what the watch has seen of a process that could report nothing; return the reason."""
        self.task.trigger_event(luigi.Event.PROCESS_FAILURE, self.task, reason)
        if self._watch:
            self._report_usage(self._watch.peak_memory, self._watch.cpu_time)
        return reason

    def _reason_of_death(self, exitcode: int) -> str:
        if self._watch:
            self._watch.look_now(has_ended=True)
            if self._watch.reached:
                return self._watch.reason(self.task.task_id)
        reason = f"Task {self.task.task_id} died unexpectedly ({_cause(exitcode)})."
        if self._needs.memory is not None:
            reason += f" It may have wanted more than {advice(type(self.task), 'memory')}"
        return reason

    def terminate(self) -> None:
        """End the process and all below it: SIGTERM, and DATANECTAR_KILL_AFTER later SIGKILL."""
        import psutil

        host = self.host
        if host is None:
            return
        self.ask_to_end()
        host.wait(current().kill_after)
        for process in self._below:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()
        host.kill()
        host.join()


def _cause(exitcode: int) -> str:
    """Return how a process ended; ``multiprocessing`` gives a signal's number as negative."""
    if exitcode > 0:
        return f"exit code {exitcode}"
    try:
        return f"killed by {signal.Signals(-exitcode).name}"
    except ValueError:
        return f"killed by signal {-exitcode}"
