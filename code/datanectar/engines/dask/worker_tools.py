"""What a Dask worker keeps for the tasks of runs: children with the code of each run, and a lease.

Everything here runs in threads of the Dask worker; its connection is used by way of its event loop.
"""

from __future__ import annotations

import os
import shutil
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from datanectar.child_pool import ChildPool
from datanectar.engines.dask.code_archive import unpack
from datanectar.engines.dask.leases import LIFE, Lease
from datanectar.engines.dask.messages import ROOM
from datanectar.errors import EngineLost
from datanectar.settings import Settings, load

#: How many versions of code keep a fork server when no task of theirs runs.
_MOST_IDLE = 2
#: Children that are forked ahead, at most.
_MOST_AHEAD = 4


@dataclass(eq=False)
class Children:
    """The children that run tasks with one version of code and settings."""

    settings: Settings
    pool: ChildPool
    users: int = 0

    def release(self) -> None:
        """Say that a task has ended."""
        with _LOCK:
            self.users -= 1


_LOCK = threading.RLock()
_tools: dict[str, WorkerTools] = {}


class WorkerTools:
    """What the tasks on one Dask worker share.

    Args:
        worker: Dask's worker.
    """

    def __init__(self, worker: Any) -> None:
        self._worker = worker
        self.address: str = worker.address
        self.folder = Path(worker.local_directory) / "datanectar"
        self._children: dict[tuple[str, ...], Children] = {}
        self._lease: Lease | None = None
        self._leased = 0

    @staticmethod
    def of_this_process() -> WorkerTools:
        """Return those of the worker in whose thread this is called."""
        from distributed import get_worker

        worker = get_worker()
        with _LOCK:
            if worker.id not in _tools:
                _tools[worker.id] = WorkerTools(worker)
            return _tools[worker.id]

    # --- the scheduler -----------------------------------------------------------------------

    def note_begin(self, run_id: str, task_id: str) -> tuple[int, str]:
        """Note that a task begins here.

        The scheduler gives a task to one worker at a time, so that nobody notes between the question
        and the answer.

        Returns:
            How often it has begun, and where it had begun before; empty for the first time.
        """
        keys = [ROOM, run_id, "begun", task_id]
        time, before, _ = self._ask("get_metadata", keys=keys, default=(0, "", ""))
        begun = (time + 1, self.address, self._worker.get_current_task())
        self._ask("set_metadata", keys=keys, value=begun)
        return time + 1, before

    def publish(self, topic: str, event: list[Any]) -> None:
        """Publish an event; those of one task arrive in order."""
        self._worker.log_event(topic, event)

    def wants_current_task(self) -> bool:
        """Tell whether the scheduler still wants what this thread does, as far as is known here."""
        from distributed.core import Status

        state = self._worker.state.tasks.get(self._worker.get_current_task())
        is_on = self._worker.status in (Status.running, Status.paused)
        is_wanted = state is not None and state.state in ("executing", "long-running")
        return is_on and is_wanted

    @property
    def lapses(self) -> int:
        """How often the lease of this worker's children has ended."""
        return self._lease.lapses if self._lease else 0

    def secede(self) -> None:
        """Let another task have this thread's place: the task waits for tasks of its own."""
        from distributed import secede
        from distributed.threadpoolexecutor import thread_state

        if getattr(thread_state, "proceed", True):
            secede()  # type: ignore[no-untyped-call]

    @property
    def memory_limit(self) -> int | None:
        """The bytes of memory that the worker may use; None: not limited."""
        limit: int | None = self._worker.memory_manager.memory_limit
        return limit

    def _ask(self, method: str, **arguments: Any) -> Any:
        from distributed.utils import sync

        call = getattr(self._worker.scheduler, method)
        return sync(self._worker.loop, call, callback_timeout=LIFE, **arguments)

    # --- children ----------------------------------------------------------------------------

    def children(self, code: str, run_id: str, variables: dict[str, str]) -> Children:
        """Return the children with a version of code; release them after use.

        Args:
            code: its digest.
            run_id: a run that has brought it to the scheduler.
            variables: settings that count instead of this process's own.
        """
        with _LOCK:
            name = (code, *map("=".join, sorted(variables.items())))
            if name not in self._children:
                self._close_idle()
                self._children[name] = self._start(code, run_id, variables)
            self._children[name].users += 1
            self._renew_lease()
            return self._children[name]

    def _renew_lease(self) -> None:
        """Have a lease that goes on for a while, and all children under it."""
        if self._lease is None:
            self._lease = Lease(lambda: self._ask("echo", data=""), self._extend)
        elif self._lease.is_over or len(self._children) != self._leased:
            self._lease.renew()
        self._leased = len(self._children)

    def _start(self, code: str, run_id: str, variables: dict[str, str]) -> Children:
        project = self.folder / "code" / code
        if not project.is_dir():
            archive = self._ask("get_metadata", keys=[ROOM, run_id, "code"], default=None)
            if archive is None:
                raise EngineLost("The scheduler has lost the code of this run.")
            unpack(archive, project / "code")
        own = {
            "DATANECTAR_PROJECT": str(project),
            "DATANECTAR_CHAINS": str(project / "code" / "chains"),
            "DATANECTAR_STATE": str(self.folder),
            "DATANECTAR_DASK_SCHEDULER": self._worker.scheduler.address,
        }
        settings = load({**os.environ, **variables, **own})
        pool = ChildPool(settings, ahead=min(_MOST_AHEAD, self._worker.state.nthreads))
        pool.start()
        return Children(settings, pool)

    def _close_idle(self) -> None:
        """Close the oldest children without a task, and remove their code."""
        idle = [name for name, children in self._children.items() if not children.users]
        for name in idle[: len(idle) - _MOST_IDLE + 1]:
            self._children.pop(name).pool.close()
            if any(name[0] == kept[0] for kept in self._children):
                continue
            shutil.rmtree(self.folder / "code" / name[0], ignore_errors=True)

    def _extend(self, moment: float) -> None:
        for children in list(self._children.values()):
            children.pool.live_until(moment)
