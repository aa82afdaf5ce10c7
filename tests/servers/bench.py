"""A bench for what happens inside a run: a real luigid, real children, no web and no worker."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec

from datanectar.attempt_files import attempt_folder, clear
from datanectar.child_pool import ChildPool
from datanectar.forkserver.handle import Handle
from datanectar.messages import Outcome, Refusal, Resolution, ResolveJob, RunJob, TaskReport
from datanectar.settings import Settings
from tests.servers.processes import wait_for
from tests.servers.stack import Stack

LIMIT = 60.0


@dataclass
class Ran:
    """One run on the bench: how it ended and what it reported."""

    run_id: str
    key: str
    attempt_dir: Path
    child: Handle
    outcome: Outcome | None = None
    reports: list[TaskReport] = field(default_factory=list)
    end: str | None = None

    def reported(self, name: str) -> dict[str, Any]:
        """Return what was reported last of the tasks whose id holds ``name``, by field."""
        merged: dict[str, Any] = {}
        for report in self.reports:
            if name in report.task_id:
                merged |= {k: v for k, v in msgspec.structs.asdict(report).items() if v is not None}
        return merged


class Bench:
    """Runs tasks in children of this process, against one luigid."""

    def __init__(self, stack: Stack) -> None:
        self.stack = stack
        self.settings: Settings = stack.settings
        self.children = ChildPool(self.settings, ahead=1)
        self._runs = 0

    def use(self, **environ: str) -> None:
        """Change settings of a bench that is not started."""
        self.stack.environ |= environ
        self.settings = self.stack.settings
        self.children = ChildPool(self.settings, ahead=1)

    def start(self) -> Bench:
        if "luigid" not in self.stack.processes:
            self.stack.start_luigid()
        self.children.start()
        return self

    def close(self) -> None:
        self.children.close()
        self.stack.close()

    def resolve(
        self, place: str, /, run_time: str = "2016-06-03T12:00:00", **raw: Any
    ) -> Resolution:
        """Have a child say what a request would run."""
        type, chain, task = place.split("/")
        job = ResolveJob(type, chain, task, raw, run_time)
        resolution: Resolution = self.children.ask(job, timeout=LIMIT, subject=place)
        return resolution

    def begin(self, place: str, /, run_time: str = "2016-06-03T12:00:00", **raw: Any) -> Ran:
        """Start a run; return it while it goes on."""
        return self.begin_resolved(place, self.resolve(place, run_time, **raw))

    def begin_resolved(self, place: str, resolution: Resolution, **more: int) -> Ran:
        """Start a run of what was resolved, as a worker does with what was accepted."""
        type, chain, task = place.split("/")
        self._runs += 1
        run_id = f"bench{self._runs}"
        attempt_dir = attempt_folder(self.settings.state, run_id, 1)
        job = RunJob(
            run_id=run_id,
            attempt=1,
            type=type,
            chain=chain,
            task=task,
            params=resolution.params,
            run_time=resolution.run_time,
            key=resolution.key,
            attempt_dir=str(attempt_dir),
            given=resolution.given,
            **more,
        )
        return Ran(run_id, resolution.key, attempt_dir, self.children.take(job))

    def finish(self, ran: Ran) -> Ran:
        """Wait for a run's end."""
        deadline = time.monotonic() + LIMIT
        try:
            while time.monotonic() < deadline:
                for record in ran.child.reports(0.2):
                    if isinstance(record, Outcome | Refusal):
                        ran.outcome = record  # type: ignore[assignment]
                        ran.end = ran.child.wait_end()
                        return ran
                    if isinstance(record, TaskReport):
                        ran.reports.append(record)
            raise AssertionError(f"{ran.key} did not end")
        except EOFError:
            ran.end = ran.child.wait_end()
            return ran
        finally:
            ran.child.close()
            clear(ran.attempt_dir)

    def run(self, place: str, /, run_time: str = "2016-06-03T12:00:00", **raw: Any) -> Ran:
        """Run a task and wait for its end."""
        return self.finish(self.begin(place, run_time, **raw))

    def file(self, key: str, name: str = "out.txt") -> Path:
        """Return where a file of a key is."""
        return self.settings.local_targets / key / name

    def log(self, key: str) -> str:
        """Return the log of a key."""
        return self.file(key, "log").read_text(errors="replace")


def lines_of(file: Path) -> list[str]:
    """Return a file's lines; none while it is not there."""
    return file.read_text().splitlines() if file.exists() else []


def wait_for_line(file: Path, line: str) -> None:
    """Wait until a file has a line."""
    wait_for(lambda: line in lines_of(file), f"{file.name} says {line!r}")
