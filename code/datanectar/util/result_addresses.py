"""Where a task's result lies: under its key, or at addresses of the author's own."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import luigi
from luigi.task import flatten

from datanectar.keys import Key
from datanectar.storage.folders.contents import list_of
from datanectar.storage.registry import store_address
from datanectar.util.identity import key_of
from datanectar.util.nectartask import NectarTask, output_name
from datanectar.util.target import NectarTarget
from datanectar.util.tasklog import storage_name

#: The most addresses that are reported for one task.
_MOST = 1000


@dataclass(frozen=True)
class ResultAddresses:
    """Where a result lies: as the file ``output`` under the key in ``storage``, or at ``results``.

    A folder is there when the list of its files is, so it is that file.

    These are absolute paths on this host, and addresses in a store such as ``s3://<bucket>/<name>``.
    """

    storage: str
    output: str | None = None
    results: list[str] = field(default_factory=list)


def result_addresses(task: luigi.Task) -> ResultAddresses:
    """Return where the task's result lies, or will lie, by an author's ``output()`` if there is one."""
    cls = type(task)
    storage = store_address(storage_name(cls))
    if has_nectar_output(cls):
        return ResultAddresses(storage, result_file(cls))
    targets, key = _targets(task), key_of(task)
    if len(targets) == 1 and _is_under(key, targets[0]):
        return ResultAddresses(targets[0].storage.store_address, targets[0].file)
    found = (address for target in targets for address in _addresses(target))
    return ResultAddresses(storage, None, list(dict.fromkeys(found))[:_MOST])


def result_file(cls: type[luigi.Task]) -> str:
    """Return the file under a key whose presence means that the result of such a class is there."""
    name = output_name(cls)
    return list_of(name[:-1]) if name.endswith("/") else name


def has_nectar_output(cls: type[luigi.Task]) -> bool:
    """Tell whether the class has the ``output()`` of :class:`NectarTask`."""
    return issubclass(cls, NectarTask) and cls.output is NectarTask.output


def _targets(task: luigi.Task) -> list[Any]:
    try:
        return list(flatten(task.output()))
    except Exception:  # an author's output(); the run will report what is wrong with it
        return []


def _is_under(key: Key, target: Any) -> bool:
    return isinstance(target, NectarTarget) and target.key == key


def _addresses(target: Any) -> Iterator[str]:
    """Yield the target's address if it is a file on this host or in a store."""
    path = getattr(target, "path", None)
    if not isinstance(path, str | os.PathLike):
        return
    if isinstance(target, luigi.LocalTarget):
        yield os.path.abspath(path)  # noqa: PTH100  # a path may be relative to this child
    elif isinstance(target, NectarTarget):
        yield target.storage.address(target.key, target.file)
    elif _is_s3_target(target):
        yield str(path)


def _is_s3_target(target: Any) -> bool:
    """Tell whether it is a ``luigi.contrib.s3.S3Target``, without loading that module."""
    module = sys.modules.get("luigi.contrib.s3")
    return module is not None and isinstance(target, module.S3Target)
