"""Rules of a bucket's own that let results go, for a bucket that is to do so by itself.

The format is that of ``PutBucketLifecycleConfiguration`` (S3 API reference).
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

from datanectar.keys import Key
from datanectar.messages import ChainDescription
from datanectar.retention.rules import PurgeRequest, Rules
from datanectar.settings import Settings

#: The most rules that a bucket may have (S3 user guide, "Lifecycle configuration elements").
MOST_RULES = 1000
_DAY = 86_400
#: Days after which uploads that were cut off are deleted, and versions of what was deleted.
_UPLOAD_DAYS, _VERSION_DAYS = 7, 30
#: What a bucket can't do; each is a sentence.
LIMITS = (
    "A bucket goes by the age of each file alone: it knows of no runs, schedules, backfills or pins.",
    "It deletes files one by one, so the files of a folder may be gone while its list is there: let "
    "`datanectar purge` delete results that are folders.",
    "A log or an earlier log has its own age; a bucket has no rule for logs alone.",
    "Ages are whole days, and it may take a day longer. A bucket takes the new rules in place of all "
    "that it has.",
)


def lifecycle(
    settings: Settings, chains: Iterable[ChainDescription], *, versioned: bool
) -> dict[str, Any]:
    """Return the rules for a bucket: one for each task whose results may go.

    A bucket lets the shortest of several rules count. So there is none for a whole type, in which a
    task may keep its results for longer.

    Args:
        settings: the settings in force.
        chains: the project's chains, as they are described.
        versioned: whether the bucket keeps what is deleted as earlier versions.
    """
    chains = list(chains)
    rules = Rules(settings, chains, PurgeRequest())
    tasks = {
        (chain.type, chain.name, name)
        for chain in chains
        for name in (*chain.keeps, *(task.name for task in chain.tasks))
    }
    ages = {task: rules.result_age(Key(*task, "")) for task in sorted(tasks)}
    made = [_expire(task, age) for task, age in ages.items() if math.isfinite(age)]
    return {"Rules": [*made, _clear_up(versioned)]}


def _expire(task: tuple[str, str, str], age: float) -> dict[str, Any]:
    place = "/".join(task)
    return {
        "ID": f"datanectar {place}"[:255],
        "Status": "Enabled",
        "Filter": {"Prefix": f"chains/{place}/"},
        "Expiration": {"Days": max(1, math.ceil(age / _DAY))},
    }


def _clear_up(versioned: bool) -> dict[str, Any]:
    rule: dict[str, Any] = {
        "ID": "datanectar clear up",
        "Status": "Enabled",
        "Filter": {"Prefix": "chains/"},
        "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": _UPLOAD_DAYS},
    }
    if versioned:
        rule["NoncurrentVersionExpiration"] = {"NoncurrentDays": _VERSION_DAYS}
    return rule
