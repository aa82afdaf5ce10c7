"""The names by which luigid knows a run's tasks.

luigid takes two tasks of one id for one task, and Luigi's ids don't tell chains apart. So a chain's
tasks are sent as ``<type>.<chain>.<id>``. Within the process they keep Luigi's own names, which an
author's ``luigi.cfg`` and files rely on.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import luigi

from datanectar.errors import KeyUndefined
from datanectar.luigid.names import luigid_name
from datanectar.util.identity import chain_of

_IDS = ("deps", "new_deps", "current_tasks")


class TaskNames:
    """Translates names between this process and luigid, for the tasks that were added."""

    def __init__(self) -> None:
        self._modules: dict[str, str] = {}
        self._chains: dict[str, tuple[str, str]] = {}
        self._families: dict[str, str] = {}
        self._local: dict[str, str] = {}

    def add(self, task: luigi.Task) -> None:
        """Add a task, before luigid is sent its name.

        Two chains of one run may each have a task of one id, which Luigi would take for one task:
        the second gets another ``task_id``.
        """
        cls = type(task)
        if self._modules.setdefault(task.task_id, cls.__module__) != cls.__module__:
            task.task_id = _unique_id(cls, task.task_id)
            self._modules[task.task_id] = cls.__module__
        chain = _chain_or_none(cls)
        if chain is not None:
            family = cls.get_task_family()
            self._chains[task.task_id] = chain
            self._families[family] = luigid_name(*chain, family)
            self._local[luigid_name(*chain, task.task_id)] = task.task_id
            self._local[luigid_name(*chain, family)] = family
        else:
            self._families.pop(cls.get_task_family(), None)

    def local_id(self, name: str) -> str | None:
        """Return the task id here for luigid's name; None when it names no task of this run."""
        if name in self._local:
            return self._local[name]
        return name if name in self._modules and name not in self._chains else None

    def outgoing(self, arguments: Mapping[str, Any]) -> dict[str, Any]:
        """Return a call's arguments with luigid's names."""
        sent = dict(arguments)
        task_id = sent.get("task_id")
        if task_id in self._chains:
            sent["task_id"] = self._luigids_id(task_id)
            if sent.get("family"):
                sent["family"] = luigid_name(*self._chains[task_id], sent["family"])
        for name in _IDS:
            if sent.get(name):
                sent[name] = [self._luigids_id(task_id) for task_id in sent[name]]
        if "task_family" in sent:
            sent["task_family"] = self._families.get(sent["task_family"], sent["task_family"])
        if isinstance(sent.get("info"), dict) and sent["info"].get("first_task"):
            first = self._luigids_id(sent["info"]["first_task"])
            sent["info"] = {**sent["info"], "first_task": first}
        return sent

    def incoming(self, reply: Any) -> Any:
        """Return luigid's reply with the names of this process."""
        if isinstance(reply, str):
            return self._local.get(reply, reply)
        if isinstance(reply, list):
            return [self.incoming(item) for item in reply]
        if isinstance(reply, dict):
            return {self._local.get(k, k): self.incoming(v) for k, v in reply.items()}
        return reply

    def _luigids_id(self, task_id: str) -> str:
        """Return luigid's id of a task; an id that is not known here is luigid's own."""
        chain = self._chains.get(task_id)
        return luigid_name(*chain, task_id) if chain else task_id


def _unique_id(cls: type[luigi.Task], task_id: str) -> str:
    chain = _chain_or_none(cls)
    return luigid_name(*chain, task_id) if chain else f"{cls.__module__}.{task_id}"


def _chain_or_none(cls: type[luigi.Task]) -> tuple[str, str] | None:
    try:
        return chain_of(cls)
    except KeyUndefined:
        return None
