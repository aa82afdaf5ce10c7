"""Dropping a result: the files are deleted, so that the next POST makes them again."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from datanectar.errors import Conflict, Forbidden, NotFound
from datanectar.keys import Key, is_service_file
from datanectar.runs.store import RunStore
from datanectar.service.result_file import ResultFile, under_key
from datanectar.service.results import Results
from datanectar.statuses import ACTIVE


def drop_result(store: RunStore, results: Results, key: Key) -> list[str]:
    """Delete a key's result; see :meth:`datanectar.service.service.Service.drop`."""
    _refuse_if_needed(store, key)
    dropped = _delete(store, results, key)
    if not dropped:
        raise NotFound(f"{key} has no result to drop.")
    return dropped


def drop_results(
    store: RunStore, results: Results, keys: Iterable[Key]
) -> tuple[dict[str, list[str]], dict[str, str]]:
    """Delete the results of several keys, or none of them.

    Returns:
        The names of the deleted files by key; and by key why a result was kept that no run of this
        service has made. A key without a result is in neither.

    Raises:
        Conflict: while a run makes or needs one of them; then nothing is deleted.
    """
    keys = list(keys)
    for key in keys:
        _refuse_if_needed(store, key)
    dropped: dict[str, list[str]] = {}
    kept: dict[str, str] = {}
    for key in keys:
        try:
            files = _delete(store, results, key)
        except Conflict as problem:
            kept[str(key)] = problem.message
        else:
            dropped |= {str(key): files} if files else {}
    return dropped, kept


def refuse_other_types(keys: Iterable[Key], types: Collection[str] | None) -> None:
    """Refuse to drop results of chains that an account may not see.

    Args:
        types: those that it may see; None: all.

    Raises:
        Forbidden: naming the others.
    """
    others = {key.type for key in keys if types is not None and key.type not in types}
    if others:
        raise Forbidden(
            f"That would drop results of type {', '.join(sorted(others))}, which you may not see."
        )


def _delete(store: RunStore, results: Results, key: Key) -> list[str]:
    storage = results.storage_of(key)
    infos = (info for info in storage.list_files(key) if not is_service_file(info.name))
    files = [under_key(storage, key, info) for info in infos]
    dropped = [file.name for file in files if file.delete()]
    if not dropped:
        dropped = [file.name for file in _made_elsewhere(store, results, key) if file.delete()]
    return dropped


def _refuse_if_needed(store: RunStore, key: Key) -> None:
    run = store.latest(str(key))
    if run is not None and run.status in ACTIVE:
        raise Conflict(f"Run {run.id} is making this result; cancel it first.")
    run = store.active_with_task(str(key))
    if run is not None:
        raise Conflict(
            f"Run {run.id} ({run.type}/{run.chain}/{run.task}) needs this result; "
            "cancel it first, or wait for its end."
        )


def _made_elsewhere(store: RunStore, results: Results, key: Key) -> list[ResultFile]:
    """Return the files of the result that do not lie under the key; a run must have made them."""
    files = results.declared_files(key)
    if files and not store.has_made(str(key)):
        names = ", ".join(file.name for file in files[:5])
        raise Conflict(
            f"No run of this service has made {names}, so it is not dropped here: delete it "
            "where it is kept."
        )
    return files
