"""What a task says while it runs, on its way to the client of luigid in the run's child."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import luigi

from datanectar.engines.dask.messages import TaskCall, TaskRef
from datanectar.errors import ChainError
from datanectar.parameters import value_json
from datanectar.parameters.texts import Texts

#: The method with which a task's process says that it waits for tasks of its own on the cluster.
SECEDE = "secede"


class RelayingScheduler:
    """Stands where a task's process has its scheduler; sends each call to the run's child."""

    def __init__(self, send: Callable[[Any], None]) -> None:
        self._send = send

    def add_task(self, **call: Any) -> None:
        """Relay where the task's work can be followed: all that Luigi sends here while it runs."""
        self._relay("add_task", **call)

    def set_task_status_message(self, task_id: str, status_message: str) -> None:
        """Relay the message that a task sets on itself."""
        self._relay("set_task_status_message", task_id=task_id, status_message=str(status_message))

    def set_task_progress_percentage(self, task_id: str, progress_percentage: int) -> None:
        """Relay the progress that a task sets on itself."""
        arguments = {"task_id": task_id, "progress_percentage": progress_percentage}
        self._relay("set_task_progress_percentage", **arguments)

    def decrease_running_task_resources(
        self, task_id: str, decrease_resources: dict[str, float]
    ) -> None:
        """Relay that a task needs less of luigid's resources from now on."""
        arguments = {"task_id": task_id, "decrease_resources": decrease_resources}
        self._relay("decrease_running_task_resources", **arguments)

    def report_task_statistics(self, task_id: str, statistics: dict[str, Any]) -> None:
        """Relay statistics of the task's."""
        self._relay("report_task_statistics", task_id=task_id, statistics=statistics)

    def report(self, task_id: str, **news: Any) -> None:
        """Relay fields of the task: which of its key's logs it begins now, what it took."""
        self._relay("report", task_id=task_id, **news)

    def report_found(self, task_id: str, found: luigi.Task) -> None:
        """Relay a dependency that the task has yielded and that was complete already."""
        ref = ref_of(found.task_module, found.task_family, found.to_str_params())
        self._relay("report_found", task_id=task_id, found=vars_of(ref))

    def secede(self) -> None:
        """Tell the Dask worker that the task waits for tasks of its own from now on."""
        self._relay(SECEDE)

    def _relay(self, method: str, **arguments: Any) -> None:
        self._send(TaskCall(method, arguments))


#: The methods that a child calls for its tasks, whatever their processes send.
RELAYED = frozenset(
    name for name in vars(RelayingScheduler) if not name.startswith("_") and name != SECEDE
)


def ref_of(module: str, family: str, texts: dict[str, Any]) -> TaskRef:
    """Return a task by its class and parameters, of which the texts are Luigi's ``to_str_params``.

    Raises:
        ChainError: naming a parameter whose value can't be sent to another machine.
    """
    values = {}
    for name, value in (texts.values_beside() if isinstance(texts, Texts) else {}).items():
        text = value_json.to_text(value)
        if text is None:
            raise ChainError(
                f"{family}: its parameter {name} can't be sent between machines: it is a "
                f"{type(value).__name__}. Use a type of Luigi's, or engine = 'processes'."
            )
        values[name] = text
    return TaskRef(module, family, dict(texts), values)


def texts_of(ref: TaskRef) -> Texts:
    """Return the texts of a task's parameters, as ``from_str_params`` of its class takes them."""
    values = {name: value_json.from_text(text) for name, text in ref.values.items()}
    return Texts(ref.params, None, values)


def vars_of(ref: TaskRef) -> dict[str, Any]:
    """Return the reference as a dict, for the arguments of a call."""
    return {name: getattr(ref, name) for name in ref.__struct_fields__}
