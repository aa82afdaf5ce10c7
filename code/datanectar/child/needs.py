"""What runs need of the results that are there: found as a run would find it, without running anything."""

from __future__ import annotations

from collections import deque

import luigi

from datanectar.catalog.collector import APIChainCollector
from datanectar.child.pages.outline import is_complete, key_text, required
from datanectar.keys import set_run_time
from datanectar.messages.plans import Needs, NeedsJob
from datanectar.parameters.reading import make_task
from datanectar.runner import output
from datanectar.util.task_params import remake


def needs(job: NeedsJob) -> Needs:
    """Return the keys that runs of the job's tasks would ask for, as Luigi does.

    Luigi looks no further than what is there: a task whose result is there needs nothing. A task that
    has no key has nothing to keep.

    Raises:
        NotFound: when the chain or a task is not there.
        ChainError: when the chain can't be imported, or a ``requires`` raises.
    """
    output.mute()
    set_run_time(job.run_time)
    found: dict[str, str | None] = {}
    unread: deque[luigi.Task] = deque()
    for name, params, given in job.roots:
        cls = APIChainCollector().task_class(job.type, job.chain, name)
        unread.append(make_task(cls, params) if given is None else remake(cls, params, given))
    while unread:
        task = unread.popleft()
        if task.task_id not in found:
            found[task.task_id] = key_text(task)
            if not is_complete(task):
                unread.extend(required(task))
    return Needs(sorted({key for key in found.values() if key}))
