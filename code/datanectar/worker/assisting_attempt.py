"""An attempt that shares the tasks of a wide run."""

from __future__ import annotations

from datanectar.forkserver.handle import Handle
from datanectar.messages import Outcome, TaskReport
from datanectar.messages.fields import Message
from datanectar.runs.records import Run
from datanectar.service.service import Service
from datanectar.statuses import PENDING, RUNNING
from datanectar.worker.attempt import Attempt
from datanectar.worker.lease import Lease


class AssistingAttempt(Attempt):
    """Follows a child that shares the tasks of a wide run; the run's own child decides its end.

    Only what this child itself ran is recorded: the run's own child reports the graph.

    Args:
        run, service, lease: as for an attempt.
        assistant: which of the run's assistants this is, from 1.
    """

    def __init__(self, run: Run, service: Service, lease: Lease, assistant: int) -> None:
        self.assistant = assistant
        super().__init__(run, service, lease)

    def _note(self, message: Message) -> None:
        if isinstance(message, TaskReport) and message.status != PENDING:
            if message.status == RUNNING or message.task_id in self._graph:
                super()._note(message)

    def _settle(self, child: Handle, outcome: Outcome | None) -> bool:
        if outcome is None:
            self._end_luigi_worker(f"an assisting process was {child.wait_end()}")
        elif self._stop is None:
            self._store_changes()
        return False
