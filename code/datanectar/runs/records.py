"""The records of the run store: runs, the tasks of a run, and workers.

Times are Unix stamps in seconds. A field is called as its column is (:mod:`datanectar.runs.tables`);
where the database has NULL, the record has the field's default.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from datanectar.messages import Resolution
from datanectar.statuses import PENDING
from datanectar.telemetry import traces


@dataclass(frozen=True)
class NewRun:
    """A run to be accepted."""

    type: str
    chain: str
    task: str
    resolution: Resolution
    trigger: str = "http"
    requested_by: str | None = None
    traceparent: str | None = field(default_factory=lambda: traces.current().traceparent)


@dataclass(frozen=True)
class Run:
    """A run as the store has it."""

    id: str
    key: str
    type: str
    chain: str
    task: str
    task_id: str
    params: dict[str, str]
    public_params: dict[str, str]
    run_time: str
    storage: str
    status: str
    attempt: int
    created: float
    trigger: str
    output: str | None = None
    width: int = 1
    run_timeout: float | None = None
    started: float | None = None
    finished: float | None = None
    owner: str | None = None
    error: str | None = None
    traceback: str | None = None
    failed_key: str | None = None
    cancel_requested: bool = False
    scheduler_reachable: bool = True
    child_pid: int | None = None
    child_started: float | None = None
    handed_back: int = 0
    given: list[str] | None = None
    results: list[str] = field(default_factory=list)
    requested_by: str | None = None
    traceparent: str | None = None

    @property
    def log_fields(self) -> dict[str, object]:
        """What each log line about it has."""
        path = f"{self.type}/{self.chain}/{self.task}"
        return {"run_id": self.id, "attempt": self.attempt, "task": path}

    @property
    def losses(self) -> int:
        """How many attempts were lost, if the present one is."""
        return self.attempt - self.handed_back


@dataclass(frozen=True)
class TaskRow:
    """One task of a run's graph as the store has it."""

    run_id: str
    task_id: str
    key: str | None = None
    family: str = ""
    status: str = PENDING
    requires: list[str] = field(default_factory=list)
    started: float | None = None
    finished: float | None = None
    error: str | None = None
    progress: int | None = None
    message: str | None = None
    tracking_url: str | None = None
    log_number: int | None = None
    storage: str | None = None
    output: str | None = None
    results: list[str] = field(default_factory=list)
    traceback: str | None = None
    runs_on: str | None = None
    params: dict[str, str] = field(default_factory=dict)
    peak_memory: int | None = None
    cpu_time: float | None = None


@dataclass(frozen=True)
class WorkerRow:
    """A worker process, and when its last heartbeat was.

    ``version`` is datanectar's, None of one that can't drain; ``draining``: it takes no more runs.
    """

    id: str
    node: str
    pid: int
    pid_started: float
    slots: int
    heartbeat: float
    version: str | None = None
    draining: bool = False
