"""Processes of a run with ``workers`` above 1, which do one small task after another.

A fork costs several times as much as a small task. A process is kept for another task only if the
last one was small, succeeded and left no trace that Python or the kernel can tell.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import resource
import threading
import time
from collections.abc import Callable, Collection
from multiprocessing import connection
from pathlib import Path
from typing import Any

from datanectar.runner.stopping import TaskStopped, end_when_asked

#: A process is not kept after a task that took more seconds: a fork then costs next to nothing.
_SMALL = 1.0
#: Bytes by which a process may grow before it is replaced.
_MOST_GROWTH = 64_000_000
_STATM = Path("/proc/self/statm")
#: Seconds to wait for a process that has sent a result to be ready for the next task.
_PATIENCE = 0.02
#: Seconds between two looks at whether a process has ended.
_LOOK = 0.01
#: The threads of a process that has sent a result: the main one, and the queue's.
_OWN_THREADS = 2


class TaskHost(multiprocessing.Process):
    """A process that does the task that it is forked for, and then those that it is sent.

    Args:
        first: the task's process object (:class:`~datanectar.runner.task_process.RunTaskProcess`).
        known: the ids of the tasks that there are when it is forked.
        make: makes the process object of another one of them, in the process.
    """

    def __init__(self, first: Any, known: frozenset[str], make: Callable[[str], Any]) -> None:
        super().__init__()
        self.known = known
        #: The id of the task that was begun here last.
        self.current = first.task.task_id
        self._first = first
        self._make = make
        self.pipe, self._its_pipe = multiprocessing.Pipe()

    def start(self) -> None:
        """Fork."""
        super().start()
        self._its_pipe.close()

    def begin(self, task_id: str) -> None:
        """Have a task done; call it when :attr:`pipe` can be read.

        Raises:
            OSError, EOFError: when the process has ended.
        """
        self.pipe.recv()
        self.pipe.send(task_id)
        self.current = task_id

    def end(self) -> None:
        """Let the process end when it has done its task, and do not wait for that."""
        with contextlib.suppress(OSError):
            self.pipe.send(None)
        self.pipe.close()

    def wait(self, seconds: float) -> None:
        """Wait until the process has ended, for so many seconds at most.

        ``join`` with a limit waits for all that hold its pipe: for what its tasks have forked too.
        """
        deadline = time.monotonic() + seconds
        while self.is_alive() and time.monotonic() < deadline:
            time.sleep(_LOOK)

    def run(self) -> None:
        """Do tasks, in the process, while nothing speaks against another one."""
        self.pipe.close()
        end_when_asked()
        with contextlib.suppress(TaskStopped):  # between two tasks
            self._do_tasks()

    def _do_tasks(self) -> None:
        surroundings, process = _Surroundings(), self._first
        while True:
            began = time.monotonic()
            process.run()
            was_small = time.monotonic() - began < _SMALL
            if not (process.may_be_followed and was_small and surroundings.are_as_before()):
                return
            self._its_pipe.send(True)
            task_id = self._its_pipe.recv()
            if task_id is None:
                return
            process = self._make(task_id)


class TaskHosts:
    """The processes of one Luigi worker.

    Args:
        make: makes the process object of a task, by the task's id.
    """

    def __init__(self, make: Callable[[str], Any]) -> None:
        self._make = make
        self._hosts: list[TaskHost] = []
        self._begun: set[str] = set()

    def start(self, process: Any, running: set[str], scheduled: Collection[str]) -> TaskHost:
        """Have a task done in a process that is free, or in a new one.

        Args:
            process: the task's process object.
            running: the ids of the tasks whose results have not been read.
            scheduled: the ids of all tasks.
        """
        task_id = process.task.task_id
        host = None
        # Whatever an earlier round of a task has left in its object stays in that process.
        if process.may_share and task_id not in self._begun:
            host = self._free_host(task_id, running)
        self._begun.add(task_id)
        if host is None:
            host = TaskHost(process, frozenset(scheduled), self._make)
            host.start()
            self._hosts.append(host)
        return host

    def _free_host(self, task_id: str, running: set[str]) -> TaskHost | None:
        """Begin the task in a process that has done its own; None when there is none."""
        self._hosts = [host for host in self._hosts if host.is_alive()]
        able = [host for host in self._hosts if task_id in host.known]
        free: dict[Any, TaskHost] = {
            host.pipe: host for host in able if host.current not in running
        }
        while free and (ready := connection.wait(list(free), _PATIENCE)):
            host = free.pop(ready[0])
            with contextlib.suppress(OSError, EOFError):  # it ends
                host.begin(task_id)
                return host
        return None

    def close(self) -> None:
        """Let all processes end."""
        for host in self._hosts:
            host.end()
        self._hosts.clear()


class _Surroundings:
    """What a task finds in its process, to compare it with what it leaves there."""

    def __init__(self) -> None:
        self._before = _settings()
        self._bytes = _bytes_now()

    def are_as_before(self) -> bool:
        """Tell whether a task has left nothing: no thread, no process, no setting, little memory."""
        return (
            threading.active_count() <= _OWN_THREADS
            and not _has_children()
            and _settings() == self._before
            and _bytes_now() - self._bytes < _MOST_GROWTH
        )


def _settings() -> tuple[str, dict[str, str], int]:
    umask = os.umask(0o077)
    os.umask(umask)
    return os.getcwd(), dict(os.environ), umask  # noqa: PTH109


def _bytes_now() -> int:
    """Return the memory that is resident: the second field of statm, in pages (proc(5))."""
    with contextlib.suppress(OSError):
        return int(_STATM.read_text().split()[1]) * resource.getpagesize()
    return 0


def _has_children() -> bool:
    try:
        os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
    except ChildProcessError:
        return False
    return True
