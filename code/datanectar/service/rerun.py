"""Running again what a run was for: the same task, parameters and run date, so the same key."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from datanectar.errors import BadRequest, Conflict
from datanectar.keys import Key, parse_key
from datanectar.messages import Resolution
from datanectar.runs.records import Run
from datanectar.service.drop import drop_results, refuse_other_types
from datanectar.service.service import Accepted, Service
from datanectar.statuses import ACTIVE


@dataclass(frozen=True)
class Rerun:
    """What a rerun led to.

    ``dropped`` has the names of the deleted files by key; ``kept`` by key why a result of something
    that the task requires was not dropped.
    """

    accepted: Accepted
    dropped: dict[str, list[str]]
    kept: dict[str, str]


def rerun(
    service: Service,
    run_id: str,
    *,
    force: bool = False,
    upstream: bool = False,
    trigger: str = "http",
    requested_by: str | None = None,
    types: Collection[str] | None = None,
) -> Rerun:
    """Run again what a run was for, under the same key; a chain goes on at the step that failed.

    Args:
        run_id: a run that has ended.
        force: drop the result first, so that it is made again.
        upstream: as ``force``, with the results of all that the task requires.
        trigger, requested_by: what and who asks for it.
        types: the types of chains whose results may be dropped; None: all.

    Raises:
        Forbidden: when a result of another type would be dropped.
        NotFound: when there is no such run, chain or task.
        Conflict: while the run goes on, when the same parameters mean another key by now, or while
            another run makes or needs what would be dropped; then nothing is dropped.
        BadRequest: when parameters of the run are private, and so were not kept.
        TooManyRuns: when the queue is full; then nothing is dropped.
    """
    run = service.run(run_id)
    if run.status in ACTIVE:
        raise Conflict(f"Run {run.id} is {run.status}: cancel it first, or wait for its end.")
    refuse_if_lost(run)
    place, raw, at = (run.type, run.chain, run.task), request_params(run), run_date(run)
    resolution = service.resolve(*place, raw, at=at, upstream=upstream)
    refuse_other_types(keys := _keys(run, resolution), types)
    dropped: dict[str, list[str]] = {}
    kept: dict[str, str] = {}
    if force or upstream:
        service.store.refuse_if_full(service.settings.max_queued)
        dropped, kept = drop_results(service.store, service.results, keys)
    return Rerun(service.accept(*place, raw, trigger, requested_by, at), dropped, kept)


def _keys(run: Run, resolution: Resolution) -> list[Key]:
    """Return the run's key, which its parameters must mean still, and those of what it requires."""
    if resolution.key != run.key:
        raise Conflict(
            f"Run {run.id} made {run.key}. The same parameters now mean {resolution.key}, since the "
            f"chain has changed: POST /api/chains/{run.type}/{run.chain}/{run.task} makes that."
        )
    return [parse_key(key) for key in dict.fromkeys([run.key, *resolution.upstream])]


def request_params(run: Run) -> dict[str, str]:
    """Return the run's parameters as a request has them; names that no request can have are defaults."""
    return {name: text for name, text in run.params.items() if name.isidentifier()}


def run_date(run: Run) -> datetime:
    """Return the run's time, in the zone that it belongs to."""
    return datetime.fromisoformat(run.run_time)


def refuse_if_lost(run: Run) -> None:
    """Refuse a run some of whose parameters were private.

    Raises:
        BadRequest: naming them.
    """
    lost = [name for name in run.given or () if name not in run.params]
    if lost:
        fields = dict.fromkeys(lost, "is private, so it was not kept; give it again")
        raise BadRequest(
            f"Parameters of run {run.id} are private, and were not kept: {', '.join(lost)}. "
            "Request the task anew, with all of them.",
            fields=fields,
        )
