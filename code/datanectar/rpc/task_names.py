"""The names under which luigid knows a run's tasks.

luigid takes two tasks of one id for one task, and Luigi's ids don't tell chains apart. So a chain's
tasks go out as ``<type>.<chain>.<id>``; in the process they keep Luigi's own names, which an author's
``luigi.cfg`` and files go by.
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
    """Translates the names of the tasks that it has learnt."""

    def __init__(self) -> None:
        self._modules: dict[str, str] = {}
        self._chains: dict[str, tuple[str, str]] = {}
        self._families: dict[str, str] = {}
        self._plain: dict[str, str] = {}

    def learn(self, task: luigi.Task) -> None:
        """Take note of a task, before luigid hears of it.

        Two chains of one run may each have a task of one id. Luigi would take them for one; the second
        gets an id of its own.
        """
        cls = type(task)
        if self._modules.setdefault(task.task_id, cls.__module__) != cls.__module__:
            task.task_id = _told_apart(cls, task.task_id)
            self._modules[task.task_id] = cls.__module__
        chain = _chain_or_none(cls)
        if chain is not None:
            family = cls.get_task_family()
            self._chains[task.task_id] = chain
            self._families[family] = luigid_name(*chain, family)
            self._plain[luigid_name(*chain, task.task_id)] = task.task_id
            self._plain[luigid_name(*chain, family)] = family
        else:
            self._families.pop(cls.get_task_family(), None)

    def wire(self, task_id: str) -> str:
        """Return luigid's id of a task; an id that is not known here is luigid's own."""
        chain = self._chains.get(task_id)
        return luigid_name(*chain, task_id) if chain else task_id

    def plain(self, name: str) -> str | None:
        """Return the id here of the task that luigid calls ``name``; None when it is none of ours."""
        if name in self._plain:
            return self._plain[name]
        return name if name in self._modules and name not in self._chains else None

    def outgoing(self, arguments: Mapping[str, Any]) -> dict[str, Any]:
        """Return a call's arguments as luigid is to hear them."""
        sent = dict(arguments)
        task_id = sent.get("task_id")
        if task_id in self._chains:
            sent["task_id"] = self.wire(task_id)
            if sent.get("family"):
                sent["family"] = luigid_name(*self._chains[task_id], sent["family"])
        for name in _IDS:
            if sent.get(name):
                sent[name] = [self.wire(each) for each in sent[name]]
        if "task_family" in sent:
            sent["task_family"] = self._families.get(sent["task_family"], sent["task_family"])
        if isinstance(sent.get("info"), dict) and sent["info"].get("first_task"):
            sent["info"] = {**sent["info"], "first_task": self.wire(sent["info"]["first_task"])}
        return sent

    def incoming(self, answer: Any) -> Any:
        """Return luigid's answer with the names that are in use here."""
        if isinstance(answer, str):
            return self._plain.get(answer, answer)
        if isinstance(answer, list):
            return [self.incoming(each) for each in answer]
        if isinstance(answer, dict):
            return {self._plain.get(k, k): self.incoming(v) for k, v in answer.items()}
        return answer


def _told_apart(cls: type[luigi.Task], task_id: str) -> str:
    chain = _chain_or_none(cls)
    return luigid_name(*chain, task_id) if chain else f"{cls.__module__}.{task_id}"


def _chain_or_none(cls: type[luigi.Task]) -> tuple[str, str] | None:
    try:
        return chain_of(cls)
    except KeyUndefined:
        return None
