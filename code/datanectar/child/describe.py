"""Describes many chains in one child: starting a child costs several times what a chain costs.

They are only listed from this. What runs, and with which parameters, is always made out in a child
that has imported its own chain alone.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from datanectar.catalog.chain_environment import prepare_process
from datanectar.catalog.collector import APIChainCollector
from datanectar.child.isolation import luigi_restored, process_state, project_restored
from datanectar.messages import DescribeManyJob
from datanectar.runner import task_log as log


def describe_many(job: DescribeManyJob, send: Callable[[Any], None]) -> None:
    """Describe the job's chains one after another, and send each as it is done.

    Each finds the process as the first did. Ends early after a chain that has left something that
    can't be taken back; whoever asked has the rest described by others.
    """
    log.discard_output()
    collector = APIChainCollector()
    prepare_process(
        *job.chains[0]
    )  # or the new configuration would be taken for what a chain has left
    before = process_state()
    for type, name in job.chains:
        with luigi_restored(), project_restored(collector.chains.parent):
            prepare_process(type, name)
            send(collector.describe(type, name))
        if process_state() != before:
            return
