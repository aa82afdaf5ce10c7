"""What a run says to luigid: Luigi's own scheduler client, made patient, light and talkative."""

from __future__ import annotations

import contextlib
import html
import json
import math
import time
from collections import Counter
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any, TypeGuard

import luigi
from luigi.rpc import RemoteScheduler
from tenacity import Retrying, retry_if_exception_type, stop_after_attempt, wait_fixed

from datanectar import reasons
from datanectar.errors import DatanectarError, SchedulerError
from datanectar.luigid.access_token import token_for
from datanectar.luigid.names import INTERRUPTED
from datanectar.messages import TaskReport
from datanectar.rpc import answers
from datanectar.rpc.connection import LuigidConnection
from datanectar.rpc.resources import problem_of, shortage
from datanectar.rpc.task_names import TaskNames
from datanectar.statuses import DISABLED, DONE, FAILED, PENDING, RUNNING
from datanectar.util.identity import key_of
from datanectar.util.result_addresses import result_addresses

#: luigid's status for a task whose scheduling raised (luigi/task_status.py).
_UNKNOWN = "UNKNOWN"
#: A status that luigid stores as PENDING, without the 10 s for which it disbelieves that a task it
#: calls DONE is to run again (scheduler.py ``add_task``: ``stable_done_cooldown_secs``).
_PENDING_AT_ONCE = "SUSPENDED"
#: Bytes that a report's texts may take as JSON: the whole must arrive in one piece, which a pipe
#: grants to 4096 bytes (``PIPE_BUF``).
_ERROR_BYTES, _REQUIRES_BYTES, _MESSAGE_BYTES = 1500, 1000, 1500
#: Bytes that JSON takes for one character at most: two ``\\uXXXX``.
_LONGEST_ESCAPE = 12

#: Between two tries to reach luigid, in seconds, and how often; a run waits for luigid for days.
RETRY_WAIT = 1
RETRY_ATTEMPTS = 1_000_000

#: Calls whose answers say nothing. A run goes on while luigid, in a process of its own, does them.
_TOLD = ("/api/add_task", "/api/add_worker")

#: luigid's answer to a worker for which there is nothing to do (luigi/scheduler.py ``get_work``).
_NO_WORK: dict[str, Any] = {
    "task_id": None,
    "running_tasks": [],
    "n_pending_tasks": 0,
    "n_unique_pending": 0,
    "n_pending_last_scheduled": 0,
}

#: Seconds between two signs of life to luigid.
PING_INTERVAL = 5.0
#: Seconds between two looks at what there is of the resources that a run waits for.
_RESOURCES_INTERVAL = 1.0
#: How often luigid may give one task that can't be done in answer to one question for work.
_MOST_REFUSALS = 10
#: Why a task fails of which its author has said so.
_SWITCHED_OFF = "it is switched off: its class says `disabled = True`"
#: A priority beyond which JSON has no numbers.
_HIGHEST = 1e300


class Silence:
    """Takes a scheduler's place in a task's copy in another process: whatever it is told, it drops."""

    def __getattr__(self, name: str) -> Callable[..., None]:
        if name.startswith("__"):
            raise AttributeError(name)
        return lambda *_, **__: None


class RunScheduler(RemoteScheduler):
    """Tells luigid what Luigi's worker says, and the run's parent the same.

    Everything that luigid learns of a run it learns from the run's own worker: status and graph
    are known here first, and need not be asked back from luigid.

    Args:
        url: luigid's address.
        send: takes reports for the parent.
        retry_delay: seconds until a failed task with ``retry_count`` above 1 is tried again.
        root: the id of the task that the run is for; None for those who assist it.
        state: the folder that may hold luigid's token.
    """

    def __init__(
        self,
        url: str,
        send: Callable[[Any], None],
        retry_delay: float,
        root: str | None = None,
        state: Path | None = None,
    ) -> None:
        super().__init__(url)
        self._root = root
        self._fetcher = LuigidConnection(
            url, send, partial(token_for, url, state) if state else None
        )
        self._rpc_retry_wait = RETRY_WAIT
        self._rpc_retry_attempts = RETRY_ATTEMPTS
        self._rpc_log_retries = False
        self._send = send
        self._retry_delay = retry_delay
        #: Whether this build follows one that ended without its root: old verdicts are overruled.
        self.insist = False
        #: By task id: what luigid was told last, why a task failed, which external data is missing.
        self.statuses: dict[str, str] = {}
        self.errors: dict[str, str] = {}
        self.missing: set[str] = set()
        #: The tasks that the worker has scheduled; it fills this in before it calls.
        self.tasks: dict[str, luigi.Task] = {}
        self.names = TaskNames()
        self._keyed: set[str] = set()
        self._found: set[str] = set()
        self._introduction: dict[str, Any] | None = {}
        self._batches: dict[str, list[str]] = {}
        self._announced: dict[str, str] = {}
        self._additions: dict[str, dict[str, Any]] = {}
        self._failures: dict[str, int] = {}
        self._retries: dict[str, float] = {}
        self._deps: dict[str, set[str]] = {}
        self._doubted: set[str] = set()
        self._refused: set[str] = set()
        self._waiting: dict[str, str] = {}
        self._looked_at_resources = float("-inf")

    def __reduce__(self) -> tuple[type[Silence], tuple[()]]:
        """Have a task be copied to another process, which has no pipe to the run's parent."""
        return Silence, ()

    def add_task(self, **call: Any) -> Any:
        """Tell luigid of a task's status (luigi/scheduler.py ``add_task``), and the parent."""
        task_id, status = call["task_id"], call.get("status", PENDING)
        policy = call.get("retry_policy_dict")
        if policy is not None and policy.get("retry_count") is None:
            # luigid's own default is to try 999999999 times, a quarter of an hour apart.
            policy["retry_count"] = 1
        call = _with_what_luigid_can_take(call)
        if call.get("batch_id") in self._batches:
            self._batches[task_id] = self._batches.pop(call["batch_id"])
            # Or luigid would hold a failure of an equal batch against it, and give its members again.
            super().re_enable_task(task_id=task_id)
        if status == PENDING:
            call = self._note_addition(task_id, call)
        if status == FAILED:
            self._note_failure(task_id, call)
        if status == _UNKNOWN:
            self.errors[task_id] = self._announced.get(str(self.tasks.get(task_id)), status)
        if status == DISABLED:
            self.errors[task_id] = f"{self.tasks.get(task_id, task_id)}: {_SWITCHED_OFF}"
        if status == DONE:
            self.missing.discard(task_id)
        if "tracking_url" in call and status == RUNNING:
            self._send(TaskReport(task_id, tracking_url=_clip(str(call["tracking_url"]))))
            if not str(call["tracking_url"]).startswith(("http://", "https://")):
                return None  # luigid's page would run a link to javascript:
        else:
            self._report(task_id, status, call)
        members = self._batches.pop(task_id, []) if status in (DONE, FAILED) else []
        for assistant in members:  # luigid does the same with them
            self._report(assistant, status, {})
        answer = super().add_task(**call)
        if status == FAILED:
            self._prepare_retries(task_id, members or [task_id])
        return answer

    def _prepare_retries(self, task_id: str, failed: list[str]) -> None:
        """See that luigid will give again what is to be retried: a task, or the members of a batch."""
        again = [each for each in failed if each in self._retries]
        for each in again:
            # luigid counts failures of earlier runs as well, and would have given it up by now.
            super().re_enable_task(task_id=each)
        if task_id not in failed and len(again) == len(failed):
            del self.errors[task_id]  # its members may be done in other batches: theirs will count

    def _note_addition(self, task_id: str, call: dict[str, Any]) -> dict[str, Any]:
        """Keep what a task needs; return the call so that luigid believes it where it must."""
        self._additions.setdefault(task_id, call)
        if call.get("deps") is not None:
            self._deps[task_id] = set(call["deps"])
        self._deps.setdefault(task_id, set()).update(call.get("new_deps") or ())
        if call.get("runnable") is False:  # worker.py ``_add``: an ExternalTask without output
            self.missing.add(task_id)
        if task_id in self._refused or (self.insist and self.statuses.get(task_id) != RUNNING):
            self._refused.discard(task_id)
            super().re_enable_task(task_id=task_id)
            return {**call, "status": _PENDING_AT_ONCE}
        if task_id == self._root and task_id not in self.statuses:
            # It is not there, or this run would not be: somebody has dropped the result.
            return {**call, "status": _PENDING_AT_ONCE}
        return call

    def refuse_task(self, worker: str, task: luigi.Task, status: str, problem: str) -> None:
        """Announce a task with none of its options, for one of which luigid has no use.

        Args:
            worker: the worker's id.
            task: the task.
            status: DONE when it is there all the same; otherwise it has failed for ``problem``.
            problem: what is wrong.
        """
        task_id = task.task_id
        self.tasks[task_id] = task
        if status != DONE:
            self._announced[str(task)] = problem
            status = _UNKNOWN
        self.add_task(
            worker=worker, task_id=task_id, status=status, runnable=False, family=task.task_family
        )

    def add_worker(self, worker: str, info: Any) -> Any:
        """Tell luigid's page who the worker is, when it has lived long enough to be seen there."""
        known = dict(info)
        if self._introduction is None or known.get("workers", 1) > 1:  # which counts for get_work
            return super().add_worker(worker=worker, info=info)
        self._introduction.update(known)
        return None

    def get_work(self, **call: Any) -> Any:
        """Ask luigid for a task to run, and end the wait when there is nothing to wait for."""
        self._retry_what_is_due(call["worker"])
        if self._all_are_done() and not call.get("current_tasks"):
            return dict(_NO_WORK)  # luigid has heard of each, and knows no more than is known here
        answer = self._work(call)
        task_id = answer.get("task_id")
        if task_id is not None:
            self.statuses[task_id] = RUNNING
            self._tell_begun([task_id])
        elif "batch_id" in answer:
            self._batches[answer["batch_id"]] = answer["batch_task_ids"]
            self._tell_begun(answer["batch_task_ids"])
        else:
            self._look_at_resources(call["worker"])
            if not call.get("current_tasks") and not self._may_wait(answer):
                answer["n_pending_tasks"] = 0  # Luigi's worker then ends, keep_alive or not
        return answer

    def _tell_begun(self, begun: list[str]) -> None:
        """Tell the parent that tasks run: one, or the members of a batch, which runs in their stead."""
        for task_id in begun:
            message = "" if self._waiting.pop(task_id, None) else None
            self._send(TaskReport(task_id, status=RUNNING, started=time.time(), message=message))

    def batch_task(self, members: list[str]) -> luigi.Task:
        """Return the task that does these in one go, made of what is known here of them."""
        first = self.tasks[members[0]]
        values = dict(first.param_kwargs)
        declared = dict(first.get_params())
        for name in type(first).batch_param_names():
            each = [self.tasks[assistant].param_kwargs[name] for assistant in members]
            values[name] = declared[name]._batch_method(each)
        task: luigi.Task = type(first)(**values)
        self.names.learn(task)
        self.tasks[task.task_id] = task
        return task

    def _work(self, call: dict[str, Any]) -> dict[str, Any]:
        """Return luigid's answer, once it is something that this run has scheduled and can do.

        Luigi's worker would import and run whatever task luigid names (worker.py ``_get_work``).
        """
        refused: Counter[str] = Counter()
        while not refused or max(refused.values()) < _MOST_REFUSALS:
            answer: dict[str, Any] = super().get_work(**call)
            members: list[str] = answer.get("batch_task_ids") or []
            given = [answer["task_id"]] if answer["task_id"] is not None else members
            known = [name for name in map(self.names.plain, given) if self._is_ours(name)]
            if len(known) < len(given) or (members and not self._is_batch(known)):
                self._refuse(call["worker"], given)
                refused.update(given)
            elif not self._put_back(call["worker"], known):
                return self._in_our_names(answer, known)
        raise SchedulerError(
            f"luigid at {self._url} gives this run nothing but tasks that it did not schedule."
        )

    def _is_ours(self, task_id: str | None) -> TypeGuard[str]:
        """Tell whether this run has asked luigid to have it run the task."""
        if task_id is None or task_id not in self.tasks:
            return False
        return self._additions.get(task_id, {}).get("runnable", False) is not False

    def _is_batch(self, members: list[str]) -> bool:
        """Tell whether one task can do these: of one class, and equal but for what is batched."""
        tasks = [self.tasks[assistant] for assistant in members]
        batched = set(type(tasks[0]).batch_param_names())
        rest = [{n: v for n, v in t.to_str_params().items() if n not in batched} for t in tasks]
        alike = all(type(t) is type(tasks[0]) for t in tasks) and all(r == rest[0] for r in rest)
        return bool(batched) and alike

    def _in_our_names(self, answer: dict[str, Any], known: list[str]) -> dict[str, Any]:
        if answer["task_id"] is not None:
            answer["task_id"] = known[0]
        elif known:
            answer["batch_task_ids"] = known
        answer["running_tasks"] = self.names.incoming(answer["running_tasks"])
        return answer

    def _refuse(self, worker: str, given: list[str]) -> None:
        """Give back to luigid what this run has not scheduled, by luigid's names."""
        for name in given:
            self._refused.add(self.names.plain(name) or name)
            text = json.dumps("The run that luigid gave this task to has not scheduled it.")
            call = {"worker": worker, "task_id": name, "status": FAILED, "runnable": False}
            self._tell("/api/add_task", {**call, "expl": text})

    def _put_back(self, worker: str, given: list[str]) -> bool:
        """Put tasks back whose dependencies are not there; tell whether there were any.

        For some seconds luigid disbelieves that a task which it calls DONE is to run again. When its
        result was dropped in that time, it gives what needs it.
        """
        put_back = False
        for task_id in given:
            gone = [dep for dep in self._deps.get(task_id, ()) if self._was_dropped(dep)]
            for dep in gone:
                self._doubted.add(dep)
                again = {**self._additions[dep], "worker": worker, "status": _PENDING_AT_ONCE}
                again["deps"] = sorted(self._deps.get(dep, ()))
                super().add_task(**again)
            if gone:
                put_back = True
                known = {**self._additions[task_id], "worker": worker, "deps": None}
                super().add_task(**{**known, "new_deps": gone})
        return put_back

    def _was_dropped(self, task_id: str) -> bool:
        """Tell whether a dependency that this run found missing, and nobody has made, is so still."""
        if self.statuses.get(task_id) != PENDING or task_id in self._doubted:
            return False
        try:
            return task_id in self._additions and not self.tasks[task_id].complete()
        except Exception:  # an author's; the task that needs it will ask again, and say so
            return False

    def ping(self, **call: Any) -> Any:
        """Tell luigid that the worker lives, and what it runs, should luigid have forgotten.

        One that was killed comes back empty, and would give a task that runs here to another run.
        """
        for task_id in [t for t, status in dict(self.statuses).items() if status == RUNNING]:
            if task_id in self._additions and self.is_forgotten(task_id):
                known = self._additions[task_id]
                super().add_task(**{**known, "worker": call["worker"], "status": RUNNING})
        if self._introduction is not None:
            info, self._introduction = self._introduction, None
            self.add_worker(call["worker"], info)
        return super().ping(**call)

    def _get_retryer(self) -> Retrying:
        """Return what tries again while luigid is away; Luigi's own does so whatever is wrong."""
        return Retrying(
            wait=wait_fixed(self._rpc_retry_wait),
            stop=stop_after_attempt(self._rpc_retry_attempts),
            retry=retry_if_exception_type(self._fetcher.raises),
            reraise=True,
        )

    def settle(self) -> None:
        """Return when luigid has done all that it was told; waits for it as every call does."""
        self._get_retryer()(self._fetcher.settle, self._connect_timeout)

    def is_forgotten(self, task_id: str) -> bool:
        """Tell whether luigid knows nothing of a task, as after a crash."""
        return "taskFamily" not in self.fetch_error(task_id=task_id)

    def announce_scheduling_failure(self, **call: Any) -> Any:
        """Keep why a task could not be scheduled: its ``complete()`` or ``requires()`` raised."""
        self._announced[call["task_name"]] = _explanation(call.get("expl"))
        return super().announce_scheduling_failure(**call)

    def set_task_status_message(self, task_id: str, status_message: str) -> Any:
        """Pass on the message that a task sets on itself."""
        self._send(TaskReport(task_id, message=_clip(str(status_message)[:500])))
        # luigid's page takes it for HTML (static/visualiser/js/visualiserApp.js, ``.html(``).
        escaped = html.escape(str(status_message))
        return super().set_task_status_message(task_id=task_id, status_message=escaped)

    def add_scheduler_message_response(self, task_id: str, message_id: str, response: Any) -> Any:
        """Pass on a task's answer to a message, which luigid's page takes for HTML."""
        return super().add_scheduler_message_response(
            task_id=task_id, message_id=message_id, response=html.escape(str(response))
        )

    def set_task_progress_percentage(self, task_id: str, progress_percentage: int) -> Any:
        """Pass on the progress that a task sets on itself."""
        with contextlib.suppress(TypeError, ValueError, OverflowError):  # no number at all
            self._send(TaskReport(task_id, progress=min(100, max(0, int(progress_percentage)))))
        return super().set_task_progress_percentage(
            task_id=task_id, progress_percentage=progress_percentage
        )

    def tell_log_number(self, task_id: str, number: int) -> None:
        """Tell the parent which of its key's logs the task now begins; luigid need not know."""
        self._send(TaskReport(task_id, log_number=number))

    def learn_from_others(self, root: str) -> None:
        """Take over from luigid whether the root is done, and which tasks failed elsewhere, and why.

        One that luigid calls FAILED waits for its retry. A task whose worker was pruned has no
        explanation (scheduler.py ``fail_dead_worker_task``), one whose process was stopped says so:
        it did not fail, and is run again.
        """
        for task_id, known in self.dep_graph(task_id=root).items():
            if known.get("status") == DISABLED and task_id not in self.errors:
                error = self.fetch_error(task_id=task_id).get("error")
                if error and not _explanation(error).startswith(INTERRUPTED):
                    self.errors[task_id] = _explanation(error)
                    self.statuses[task_id] = FAILED
            elif task_id == root and known.get("status") == DONE:
                self.statuses[root] = DONE

    def _request(self, url: str, data: Any, attempts: int = 3, allow_null: bool = True) -> Any:
        """Make a call (luigi/rpc.py ``RemoteScheduler._request``), or leave it on its way.

        What luigid is to be asked goes through here, and so do the names of tasks.
        """
        sent = self.names.outgoing(data)
        if url in _TOLD:
            self._tell(url, sent)
            return None
        method = url.rpartition("/")[2]
        page = self._fetch(url, {"data": json.dumps(sent)})
        answer = answers.read(self._url, method, page)
        return answer if method == "get_work" else self.names.incoming(answer)

    def _tell(self, url: str, sent: dict[str, Any]) -> None:
        self._fetcher.tell(self._url + url, {"data": json.dumps(sent)}, self._connect_timeout)

    def _report(self, task_id: str, status: str, call: dict[str, Any]) -> None:
        self.statuses[task_id] = status
        requires = [*(call.get("deps") or ()), *(call.get("new_deps") or ())]
        text = self.errors.get(task_id, "")
        first, *others = _pieces(requires, _REQUIRES_BYTES)
        key = self._new_key(task_id)
        place = result_addresses(self.tasks[task_id]) if key else None
        self._send(
            TaskReport(
                task_id,
                key=key,
                storage=place.storage if place else None,
                output=place.output if place else None,
                family=call.get("family"),
                status=FAILED if status in (_UNKNOWN, DISABLED) else status,
                requires=first or None,
                finished=time.time() if status in (DONE, FAILED) else None,
                error=_short_reason(text) or None,
            )
        )
        if status != PENDING and text:
            words = _clip(reasons.traceback_in(text), _MESSAGE_BYTES, tail=True)
            self._send(TaskReport(task_id, traceback=words))
        for more in others:
            self._send(TaskReport(task_id, requires=more))
        for results in _pieces(place.results, _REQUIRES_BYTES) if place and place.results else []:
            self._send(TaskReport(task_id, results=results))

    def tell_found(self, task_id: str, found: luigi.Task) -> None:
        """Tell the parent of a result that a task asked for on its way, and that was there already.

        Luigi's worker schedules only what is missing; luigid hears nothing of this one.
        """
        known = self._additions.get(task_id, {}).get("deps") or ()
        if found.task_id in known or found.task_id in self._found:
            return
        self._found.add(found.task_id)
        self._send(TaskReport(task_id, requires=[found.task_id]))
        if found.task_id not in self.statuses:
            self.tasks[found.task_id] = found
            self._report(found.task_id, DONE, {"family": found.task_family})

    def _new_key(self, task_id: str) -> str | None:
        """Return the task's key if it has not been reported."""
        if task_id not in self.tasks or task_id in self._keyed:
            return None
        self._keyed.add(task_id)
        try:
            return str(key_of(self.tasks[task_id]))
        except DatanectarError:
            return None

    def _note_failure(self, task_id: str, call: dict[str, Any]) -> None:
        self.errors[task_id] = _explanation(call.get("expl"))
        allowed = (call.get("retry_policy_dict") or {}).get("retry_count", 1)
        for failed in self._batches.get(task_id) or [task_id]:
            self._failures[failed] = self._failures.get(failed, 0) + 1
            if self._failures[failed] < allowed and failed in self._additions:
                self._retries[failed] = time.monotonic() + self._retry_delay

    def _retry_what_is_due(self, worker: str) -> None:
        """Put failed tasks back on time; luigid itself would do so at its next prune, a minute on."""
        for task_id in [t for t, due in self._retries.items() if due <= time.monotonic()]:
            del self._retries[task_id]
            super().add_task(**{**self._additions[task_id], "worker": worker})
            self._report(task_id, PENDING, {})

    def _all_are_done(self) -> bool:
        return bool(self.statuses) and all(status == DONE for status in self.statuses.values())

    def _may_wait(self, answer: dict[str, Any]) -> bool:
        """Tell whether more work can come: from another worker, a retry, or a freed resource."""
        return bool(self._retries or answer.get("running_tasks") or self._waits_for_resources())

    def _waits_for_resources(self) -> bool:
        return next(self._short_of_resources(), None) is not None

    def _short_of_resources(self) -> Iterator[str]:
        """Yield the tasks that nothing but resources keeps from running."""
        batched = {assistant for members in self._batches.values() for assistant in members}
        for task_id, call in list(self._additions.items()):
            if (
                self.statuses.get(task_id) == PENDING
                and call.get("resources")
                and task_id not in batched
                and all(self.statuses.get(dep) == DONE for dep in self._deps[task_id])
            ):
                yield task_id

    def _look_at_resources(self, worker: str) -> None:
        """Say what tasks wait for; have those fail that would wait for ever."""
        short = list(self._short_of_resources())
        if not short or time.monotonic() - self._looked_at_resources < _RESOURCES_INTERVAL:
            return
        self._looked_at_resources = time.monotonic()
        listed = super().resource_list()
        for task_id in short:
            found = shortage(self._additions[task_id]["resources"], listed)
            if found is not None and found[1]:
                self._give_up(worker, task_id, found[0])
            elif found is not None and self._waiting.get(task_id) != found[0]:
                self._waiting[task_id] = found[0]
                self._send(TaskReport(task_id, message=_clip(found[0])))

    def _give_up(self, worker: str, task_id: str, why: str) -> None:
        self.errors[task_id] = f"{self.tasks[task_id]} {why}"
        failed = {"status": FAILED, "runnable": False, "expl": json.dumps(why)}
        super().add_task(worker=worker, task_id=task_id, **failed)
        self._report(task_id, FAILED, {})


def _with_what_luigid_can_take(call: dict[str, Any]) -> dict[str, Any]:
    """Return an announcement without options that luigid can't count with.

    A task may change its own while it runs; what it needed was said before.
    """
    priority = call.get("priority", 0)
    if isinstance(priority, float) and math.isinf(priority):
        call = {**call, "priority": math.copysign(_HIGHEST, priority)}
    if problem_of(call) is None:
        return call
    return {**call, "resources": {}, "priority": 0, "retry_policy_dict": {"retry_count": 1}}


def _json_bytes(text: str) -> int:
    return len(json.dumps(text))


def _clip(text: str, limit: int = _MESSAGE_BYTES, *, tail: bool = False) -> str:
    """Return as much of the text, from its start or its end, as takes ``limit`` bytes as JSON."""
    if _json_bytes(text) <= limit:
        return text
    text = text[-limit:] if tail else text[:limit]
    while _json_bytes(text) > limit:
        spare = max(1, (_json_bytes(text) - limit) // _LONGEST_ESCAPE)
        text = text[spare:] if tail else text[:-spare]
    return text


def _short_reason(text: str) -> str:
    """Return the reason in a failure's text, in at most ``_ERROR_BYTES`` as JSON."""
    reason = reasons.reason_in(text)
    while _json_bytes(reason) > _ERROR_BYTES:
        reason = reasons.shortened(reason, len(reason) * 3 // 4)
    return reason


def _pieces(ids: list[str], limit: int) -> list[list[str]]:
    """Return the ids in lists that take about ``limit`` bytes as JSON; at least one list."""
    pieces: list[list[str]] = [[]]
    room = limit
    for task_id in ids:
        size = _json_bytes(task_id) + 2
        if size > room and pieces[-1]:
            pieces.append([])
            room = limit
        pieces[-1].append(task_id)
        room -= size
    return pieces


def _explanation(expl: Any) -> str:
    """Return the text of a failure; Luigi sends it as JSON (worker.py ``_handle_next_task``)."""
    try:
        text = json.loads(expl)
    except (TypeError, ValueError):
        text = expl
    return reasons.without_environment(str(text or "it failed and gave no reason"))
