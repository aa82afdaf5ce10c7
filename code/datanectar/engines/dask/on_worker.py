"""What a Dask worker does with a task of a run: it follows a child that runs it, and says how it goes.

The child comes from a fork server (:mod:`datanectar.forkserver`) of the Dask worker. So a chain that
segfaults costs its task alone, nothing of a task stays behind, and a task ends with its worker.
"""

from __future__ import annotations

import contextlib
import time
import uuid
from collections.abc import Iterator
from typing import Any

import psutil
from msgspec import structs

from datanectar.attempt_files import clear, find_attempt_log
from datanectar.engines.dask import leases
from datanectar.engines.dask.messages import (
    Interrupted,
    Order,
    TaskBegun,
    TaskCall,
    TaskEnd,
    TaskJob,
)
from datanectar.engines.dask.relay import SECEDE
from datanectar.engines.dask.worker_tools import WorkerTools
from datanectar.keys import LOG_FILE, parse_key
from datanectar.limits.process_tree import ProcessTree
from datanectar.limits.watch import Watch
from datanectar.log_uploader import LogUploader
from datanectar.messages import Refusal, decode, encode
from datanectar.messages.fields import Message
from datanectar.reasons import oom_kills
from datanectar.statuses import FAILED

#: Seconds between two looks at a child that reports nothing.
_INTERVAL = 0.25
#: Seconds for a child that has reported its end to end, and for its log to be uploaded.
_CHILD_EXIT, _LAST_UPLOAD = 10.0, 10.0


def run_order(order: Order) -> None:
    """Run a task on this Dask worker, and publish what it says and how it ended."""
    tools = WorkerTools.of_this_process()
    job: TaskJob = decode(order.job)
    time_begun, before = tools.note_begin(job.run_id, job.task_id)

    def publish(message: Message) -> None:
        tools.publish(order.topic, [job.run_id, order.attempt, job.task_id, encode(message)])

    if time_begun > order.most_begins:
        lost = f"Its Dask worker was lost {order.most_begins} times, the last time {before}."
        publish(TaskEnd(FAILED, f"{lost} DATANECTAR_MAX_ATTEMPTS says how often it is begun."))
        return
    if before:
        time.sleep(leases.OVER)  # until what ran on that worker has ended for certain
    publish(TaskBegun(tools.address, time_begun))
    end = _Following(tools, order, job, publish).to_the_end()
    if end is not None:
        publish(end)


class _Following:
    """Follows the child of one task."""

    def __init__(self, tools: WorkerTools, order: Order, job: TaskJob, publish: Any) -> None:
        self._tools = tools
        self._publish = publish
        self._folder = tools.folder / "tasks" / uuid.uuid4().hex
        self._job = structs.replace(job, attempt_dir=str(self._folder))
        self._children = tools.children(order.code, job.run_id, order.settings)
        settings = self._children.settings
        self._targets = settings.local_targets
        self._kill_after = settings.kill_after
        self._uploader = LogUploader(
            self._children.pool, self._folder, settings.log_ship_interval, job.storage
        )
        self._began = time.monotonic()
        self._oom_kills = oom_kills()
        self._lapses = tools.lapses

    def to_the_end(self) -> TaskEnd | None:
        """Return how the task ended; None when nobody wants to know any more."""
        self._folder.parent.mkdir(parents=True, exist_ok=True)
        child = self._children.pool.take(self._job)
        try:
            end = self._end_of(child)
            if end is not None:
                self._uploader.upload_now(_LAST_UPLOAD)
            return end
        finally:
            child.close()
            child.wait_end()
            clear(self._folder)
            self._children.release()

    def _end_of(self, child: Any) -> TaskEnd | None:
        try:
            for message in self._messages(child):
                if isinstance(message, TaskEnd):
                    child.wait_end(_CHILD_EXIT)
                    return message
                if isinstance(message, Refusal):
                    return TaskEnd(FAILED, message.message)
                self._pass_on(message)
            return None
        except EOFError:
            reason = self._reason_of(child)
            if self._tools.lapses != self._lapses or child.is_lost:
                raise Interrupted(reason) from None
            return self._failed(reason)
        except _OutOfLimit as limit:
            child.kill()
            return self._failed(str(limit))

    def _messages(self, child: Any) -> Iterator[Message]:
        """Yield what the child says, until nobody wants the task any more."""
        watch = self._watch_of(child)
        while self._tools.wants_current_task():
            yield from child.reports(_INTERVAL)
            self._check_limits(child)
            if watch and watch.look():
                watch.kill()
                raise _OutOfLimit(watch.reason(self._job.task_id))
            self._uploader.upload_if_due()

    def _watch_of(self, child: Any) -> Watch | None:
        limits = self._job.limits
        if not limits:
            return None
        return Watch(child.pid, limits, ProcessTree(child.pid, limits), self._kill_after)

    def _pass_on(self, message: Message) -> None:
        if isinstance(message, TaskCall) and message.method == SECEDE:
            self._tools.secede()
        elif isinstance(message, TaskCall):
            self._publish(message)

    def _check_limits(self, child: Any) -> None:
        limit = self._job.timeout
        if limit and time.monotonic() - self._began > limit:
            raise _OutOfLimit(
                f"Task {self._job.task_id} timed out after {limit:g} seconds and was terminated: "
                "raise `timeout` on its class, or let it do less at a time."
            )
        most = self._tools.memory_limit
        if most and (taken := _memory_of(child.pid)) > most:
            raise _OutOfLimit(
                f"killed: out of memory: it took {taken / 1e9:.2f} GB, and its Dask worker has "
                f"{most / 1e9:.2f} GB. Let it read and write piece by piece, or give `needs` a "
                "memory that larger workers have."
            )

    def _reason_of(self, child: Any) -> str:
        end = child.wait_end()
        if end == "killed by SIGKILL" and oom_kills() > self._oom_kills:
            return "killed: out of memory"
        return f"Task {self._job.task_id} died unexpectedly ({end})."

    def _failed(self, reason: str) -> TaskEnd:
        """Write the reason to the task's log, which its process could not; return the end."""
        key = parse_key(self._job.key)
        logs = find_attempt_log(self._folder, key), self._targets / key.file(LOG_FILE)
        for log in logs:
            if log is not None and log.exists():
                with contextlib.suppress(OSError), log.open("a") as stream:
                    stream.write(f"\n{reason}\n")
        return TaskEnd(FAILED, reason)


class _OutOfLimit(Exception):
    """Raised when a task takes more time or memory than it may."""


def _memory_of(pid: int) -> int:
    """Return the bytes of memory that a process and all below it hold."""
    held = 0
    with contextlib.suppress(psutil.Error):
        process = psutil.Process(pid)
        for each in [process, *process.children(recursive=True)]:
            with contextlib.suppress(psutil.Error):
                held += each.memory_info().rss
    return held
