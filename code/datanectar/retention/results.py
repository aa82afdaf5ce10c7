"""What lies in a store under keys: which of it is old enough to go, and its removal."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby

from datanectar.errors import BadRequest
from datanectar.keys import DEFAULT_OUTPUT, LOG_FILE, Key, is_service_file, parse_key
from datanectar.retention.rules import LOGS, RESULTS, PurgeRequest, Rules
from datanectar.service.result_file import under_key
from datanectar.storage.base import FileInfo, Storage


@dataclass(frozen=True)
class Old:
    """What of a key may go: the whole of it, with its result or without one; or these ``logs`` alone.

    ``files`` and ``size`` (bytes) are of what goes; ``modified`` is the time of its newest file, a Unix
    stamp.
    """

    key: Key
    what: str
    files: int
    size: int
    modified: float
    logs: tuple[str, ...] = ()


def old_keys(storage: Storage, request: PurgeRequest, rules: Rules, now: float) -> Iterator[Old]:
    """Yield what is old under the keys of a store, as its listing comes; memory does not grow with it."""
    listed = storage.list_tree(request.prefix)
    for text, objects in groupby(listed, key=lambda each: "/".join(each[0].split("/", 5)[:5])):
        try:
            key = parse_key(text)
        except BadRequest:  # a file of somebody else's
            continue
        found = _old(key, list(objects), rules, now) if request.passes(key) else None
        if found and found.what in request.only:
            yield found


def _old(key: Key, objects: list[tuple[str, FileInfo]], rules: Rules, now: float) -> Old | None:
    own = [info for name, info in objects if name.count("/") == 5]
    results = [info for info in own if not is_service_file(info.name)]
    size = sum(info.size for _, info in objects)
    limit, log_limit = rules.result_age(key), rules.log_age(key)
    if results:
        made = max(info.modified for info in results)
        if now - made > limit:
            return Old(key, RESULTS, len(objects), size, made)
        return _old_logs(key, own, now - (math.inf if log_limit is None else log_limit))
    changed = max(info.modified for _, info in objects)
    if now - changed > (limit if log_limit is None else log_limit):
        return Old(key, LOGS, len(objects), size, changed)
    return None


def _old_logs(key: Key, own: list[FileInfo], before: float) -> Old | None:
    """Return the logs of a key that go while its result stays."""
    logs = [
        info
        for info in own
        if info.name.split(".")[0] == LOG_FILE
        and is_service_file(info.name)
        and info.modified < before
    ]
    if not logs:
        return None
    names = tuple(info.name for info in logs)
    size = sum(info.size for info in logs)
    return Old(key, LOGS, len(logs), size, max(info.modified for info in logs), names)


def remove(storage: Storage, old: Old, output: str | None) -> bool:
    """Remove what is old of a key; return False, and remove nothing, if it has changed since it was seen.

    The result goes first, and of several files the one that means done: what a killed process leaves
    is a key without a result, whose rest the next purge removes.

    Args:
        storage: the store.
        old: as :func:`old_keys` has found it.
        output: the name of the result's file, where it is known.
    """
    if old.logs:
        gone = [name for name in old.logs if storage.delete(old.key, name)]
        return bool(gone)
    files = storage.list_files(old.key)
    results = [info for info in files if not is_service_file(info.name)]
    if bool(results) != (old.what == RESULTS) or _newest(results or files) > old.modified:
        return False
    results.sort(key=lambda info: info.name not in (output, DEFAULT_OUTPUT))
    for info in results:
        under_key(storage, old.key, info).delete()
    storage.delete_tree(f"{old.key}/")
    return True


def _newest(files: list[FileInfo]) -> float:
    return max((info.modified for info in files), default=0.0)
