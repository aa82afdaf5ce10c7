"""Luigi's own client of luigid, made patient and careful."""

from __future__ import annotations

import html
import json
from collections import Counter
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, TypeGuard
from urllib.parse import urlsplit

from luigi.rpc import RemoteScheduler
from tenacity import Retrying, retry_if_exception_type, wait_fixed

from datanectar.errors import SchedulerError
from datanectar.luigid.access_token import token_for
from datanectar.rpc.batches import can_batch
from datanectar.rpc.hand import Hand
from datanectar.rpc.run_tasks import RunTasks
from datanectar.rpc.task_names import TaskNames
from datanectar.rpc.wire import replies
from datanectar.rpc.wire.connection import LuigidConnection
from datanectar.rpc.wire.replies import NO_WORK
from datanectar.statuses import FAILED

#: Seconds between two tries to reach luigid.
_RETRY_WAIT = 1.0
#: RPCs whose replies carry nothing: a run does not wait until luigid has done them.
_WITHOUT_REPLY = ("/api/add_task", "/api/add_worker")
#: How often luigid may reply to one ``get_work`` with the same task that can't be run.
_MOST_REJECTIONS = 10
#: A status that luigid stores as PENDING, without the 10 s for which it ignores that a task it
#: calls DONE is to run again (scheduler.py ``add_task``: ``stable_done_cooldown_secs``).
PENDING_AT_ONCE = "SUSPENDED"


class NullScheduler:
    """Takes the scheduler's place in a copy of a task in another process; does nothing."""

    def __getattr__(self, name: str) -> Callable[..., None]:
        if name.startswith("__"):
            raise AttributeError(name)
        return lambda *_, **__: None


class LuigidClient(RemoteScheduler):
    """Calls luigid's RPCs (luigi/scheduler.py, the methods with ``@rpc_method``).

    While luigid is away, a call waits. A response that luigid can't have sent ends the run.

    Args:
        url: luigid's address.
        send: takes reports for the parent.
        state: the folder that may hold luigid's token.
    """

    def __init__(self, url: str, send: Callable[[Any], None], state: Path | None = None) -> None:
        super().__init__(url)
        token = partial(token_for, url, state) if state else None
        self._fetcher = LuigidConnection(url, send, token)
        self.names = TaskNames()
        self.tasks = RunTasks()
        #: Tasks that were given back to luigid.
        self.rejected: set[str] = set()
        self._rescheduled: set[str] = set()
        self._hand: Hand | None = None

    def __reduce__(self) -> tuple[type[NullScheduler], tuple[()]]:
        """Let a task be copied to another process, which has no pipe to the run's parent."""
        return NullScheduler, ()

    def _get_retryer(self) -> Retrying:
        """Return what calls again while luigid is away; Luigi's own does so after every error."""
        return Retrying(
            wait=wait_fixed(_RETRY_WAIT),
            retry=retry_if_exception_type(self._fetcher.raises),
            reraise=True,
        )

    def _request(self, url: str, data: Any, attempts: int = 3, allow_null: bool = True) -> Any:
        """Make a call: every RPC of ``RemoteScheduler`` comes through here (luigi/rpc.py).

        The tasks of ``get_work`` keep luigid's names, since it may name some that are not ours.
        """
        body = {"data": json.dumps(self.names.outgoing(data))}
        if url in _WITHOUT_REPLY:
            self._fetcher.send(self._url + url, body, self._connect_timeout)
            if data.get("status") == PENDING_AT_ONCE or data.get("tracking_url"):
                # The one undoes that a task is done, if that has happened since it was looked for.
                # The other comes from a task that runs.
                self._fetcher.push(self._connect_timeout)
            return None
        page = self._fetch(url, body)
        method = url.rpartition("/")[2]
        reply = replies.read(self._url, method, page)
        return reply if method == "get_work" else self.names.incoming(reply)

    def get_work(self, **call: Any) -> Any:
        """Return luigid's reply, once that is something that this run has scheduled and can do.

        Luigi's worker would import and run whatever task luigid names (worker.py ``_get_work``).

        Raises:
            SchedulerError: when luigid gives nothing else.
        """
        rejections: Counter[str] = Counter()
        while not rejections or max(rejections.values()) < _MOST_REJECTIONS:
            work = self._next_work(**call)
            batch = work.get("batch_task_ids", [])
            names = batch if work["task_id"] is None else [work["task_id"]]
            ids = [task_id for task_id in map(self.names.local_id, names) if self._is_ours(task_id)]
            if len(ids) < len(names) or (
                batch and not can_batch([self.tasks.by_id[task_id] for task_id in ids])
            ):
                for name in names:
                    self._reject(call["worker"], name)
                rejections.update(names)
            elif not self._reschedule_dropped(call["worker"], ids):
                return self._with_local_ids(work, ids)
        raise SchedulerError(
            f"luigid at {self._url} gives this run nothing but tasks that it did not schedule."
        )

    def open_hand(self, worker: str) -> None:
        """Let our luigid give this worker small tasks many at a time, in this thread."""
        if self._fetcher.is_our_luigid():
            outbox, path = self._fetcher.outbox(), urlsplit(f"{self._url}/api/give_back").path

            def give_back(names: list[str]) -> None:
                data = json.dumps({"worker": worker, "task_ids": names})
                outbox.send(path, data, self._connect_timeout)

            self._hand = Hand(give_back, lambda: outbox.push(self._connect_timeout))

    def close_hand(self) -> None:
        """Give back what :meth:`get_work` has not returned yet."""
        if self._hand is not None:
            self._hand.close()
            self._hand = None

    def return_hand(self) -> None:
        """Give back what is in the hand: luigid has news, and decides anew what comes next."""
        if self._hand is not None:
            self._hand.return_all()

    def _next_work(self, **call: Any) -> dict[str, Any]:
        """Return luigid's reply with the next task, from the hand if there is one."""
        if self._hand is None:
            return dict(super().get_work(**call))
        name = self._hand.take()
        if name is not None:
            return {**NO_WORK, "task_id": name, "n_pending_tasks": 1}
        work: dict[str, Any] = super().get_work(**call, most=self._hand.next_size())
        self._hand.put(work.pop("more_task_ids", []))
        return work

    def _is_ours(self, task_id: str | None) -> TypeGuard[str]:
        return task_id is not None and self.tasks.is_runnable(task_id)

    def _with_local_ids(self, work: dict[str, Any], ids: list[str]) -> dict[str, Any]:
        if work["task_id"] is not None:
            work["task_id"] = ids[0]
        elif ids:
            work["batch_task_ids"] = ids
        work["running_tasks"] = self.names.incoming(work["running_tasks"])
        return work

    def _reschedule_dropped(self, worker: str, ids: list[str]) -> bool:
        """Schedule dependencies of these tasks that were dropped; tell whether there were any.

        For 10 s luigid ignores that a task which it calls DONE is to run again. If the task's result
        was dropped within that time, luigid gives the tasks that require it.
        """
        found_dropped = False
        for task_id in ids:
            deps = self.tasks.deps.get(task_id, set()) - self._rescheduled
            dropped = [dep for dep in deps if self.tasks.was_dropped(dep)]
            for dep in dropped:
                self._rescheduled.add(dep)
                deps_of_dep = sorted(self.tasks.deps.get(dep, ()))
                again: dict[str, Any] = {
                    "worker": worker,
                    "status": PENDING_AT_ONCE,
                    "deps": deps_of_dep,
                }
                super().add_task(**{**self.tasks.calls[dep], **again})
            if dropped:
                found_dropped = True
                again = {"worker": worker, "deps": None, "new_deps": dropped}
                super().add_task(**{**self.tasks.calls[task_id], **again})
        return found_dropped

    def _reject(self, worker: str, name: str) -> None:
        """Give a task back to luigid, by luigid's name; luigid counts it as failed."""
        self.rejected.add(self.names.local_id(name) or name)
        text = json.dumps("The run that luigid gave this task to has not scheduled it.")
        call = {"worker": worker, "task_id": name, "status": FAILED, "runnable": False}
        body = {"data": json.dumps({**call, "expl": text})}
        self._fetcher.send(f"{self._url}/api/add_task", body, self._connect_timeout)

    def flush(self) -> None:
        """Wait until luigid has done all that was sent.

        Raises:
            SchedulerError: when luigid has refused something, or is not luigid.
        """
        self._get_retryer()(self._fetcher.flush, self._connect_timeout)

    def has_forgotten(self, task_id: str) -> bool:
        """Tell whether luigid knows nothing of a task, as after its crash."""
        return "taskFamily" not in self.fetch_error(task_id=task_id)

    def set_task_status_message(self, task_id: str, status_message: str) -> Any:
        """Send a task's status message, escaped.

        luigid's page takes it for HTML (static/visualiser/js/visualiserApp.js, ``.html(``).
        """
        escaped = html.escape(str(status_message))
        return super().set_task_status_message(task_id=task_id, status_message=escaped)

    def add_scheduler_message_response(self, task_id: str, message_id: str, response: Any) -> Any:
        """Send a task's response to a message, escaped: luigid's page takes it for HTML."""
        return super().add_scheduler_message_response(
            task_id=task_id, message_id=message_id, response=html.escape(str(response))
        )
