"""From the request for a backfill to its tasks: one for each combination of values. Starts nothing."""

from __future__ import annotations

import math
from itertools import product
from typing import Any

import luigi

from datanectar.catalog.collector import APIChainCollector
from datanectar.child.isolation import instances_restored
from datanectar.errors import BadRequest
from datanectar.keys import set_run_time
from datanectar.messages.plans import Plan, PlanJob, PlannedItem
from datanectar.parameters.class_options import check_options
from datanectar.parameters.ranges import texts_over
from datanectar.parameters.reading import make_task, refusal
from datanectar.parameters.visibility import is_public
from datanectar.runner import output
from datanectar.util.identity import key_of


def plan(job: PlanJob) -> Plan:
    """Return the tasks of a backfill; of those with the same key, such as by a value that is not part of it, the first.

    Raises:
        NotFound: when the chain or the task is not there.
        ChainError: when the chain can't be imported, or the task has an option that can't be used.
        BadRequest: naming each parameter that is unknown, missing, private or can't be read, or when
            there are more tasks than ``job.most``.
        KeyUndefined: when a key can't be computed in full.
    """
    output.mute()
    set_run_time(job.run_time)
    cls = APIChainCollector().task_class(job.type, job.chain, job.task)
    check_options(cls)
    _refuse_private(cls, job)
    texts = _texts_over(cls, job)
    count = math.prod(map(len, texts.values()))
    if count > job.most:
        _refuse_many(job)
    items: dict[str, PlannedItem] = {}
    with instances_restored():
        for values in product(*texts.values()):
            item = _planned(cls, job.raw, dict(zip(texts, values, strict=True)))
            items.setdefault(item.key, item)
    return Plan(list(items.values()))


def _planned(cls: type[luigi.Task], raw: dict[str, Any], params: dict[str, str]) -> PlannedItem:
    task = make_task(cls, {**raw, **params})
    return PlannedItem(params, str(key_of(task)), _is_complete(task))


def _is_complete(task: luigi.Task) -> bool:
    try:
        return bool(task.complete())
    except Exception:  # an author's complete(), or a store that is away: its run reports it
        return False


def _texts_over(cls: type[luigi.Task], job: PlanJob) -> dict[str, list[str]]:
    declared, problems = dict(cls.get_params()), {}
    texts: dict[str, list[str]] = {}
    for name, spelled in job.over.items():
        if name not in declared:
            problems[name] = f"unknown; this task takes {', '.join(declared) or 'no parameters'}"
            continue
        item = declared[name]
        try:
            texts[name] = texts_over(cls, item, spelled, job.most)
        except Exception as problem:  # also of parameter classes that an author wrote
            problems[name] = refusal(item, spelled, problem)
    if problems:
        listed = "; ".join(f"{name}: {why}" for name, why in problems.items())
        raise BadRequest(
            f"{cls.__name__} can't be run over these values: {listed}", fields=problems
        )
    return texts


def _refuse_private(cls: type[luigi.Task], job: PlanJob) -> None:
    given = {**job.raw, **job.over}
    private = [name for name, item in cls.get_params() if name in given and not is_public(item)]
    if private:
        why = "is private, and a backfill would have to keep it: give it a default"
        raise BadRequest(
            f"{cls.__name__} can't be backfilled with private parameters: {', '.join(private)}.",
            fields=dict.fromkeys(private, why),
        )


def _refuse_many(job: PlanJob) -> None:
    raise BadRequest(
        f"These values are more than {job.most} tasks, the most that "
        "DATANECTAR_MAX_BACKFILL_ITEMS allows: ask for a part of them.",
        fields=dict.fromkeys(job.over, f"more than {job.most} tasks, with the others"),
    )
