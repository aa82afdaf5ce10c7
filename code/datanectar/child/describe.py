"""Describes many chains in one child: starting a child takes several times as long as describing.

Descriptions are for listings only. What runs, and with which parameters, is always decided by a
child that has imported its own chain alone.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from datanectar.catalog.chain_environment import prepare_process
from datanectar.catalog.collector import APIChainCollector
from datanectar.child.isolation import luigi_restored, process_state, project_restored
from datanectar.messages import DescribeManyJob
from datanectar.runner import output


def describe_many(job: DescribeManyJob, send: Callable[[Any], None]) -> None:
    """Describe the job's chains one after another; send each description at once.

    Each chain finds the process as the first one did. After a chain that has changed what can't be
    restored, the rest is left to other children.
    """
    output.mute()
    collector = APIChainCollector()
    prepare_process(*job.chains[0])  # a change of luigi.cfg must not count as left by a chain
    before = process_state()
    for type, name in job.chains:
        with luigi_restored(), project_restored(collector.chains.parent):
            prepare_process(type, name)
            send(collector.describe(type, name))
        if process_state() != before:
            return
