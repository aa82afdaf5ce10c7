"""The figures of ``/metrics``: read from the store whenever Prometheus asks.

Every web gives the same ones. Their labels are names from the code (types, chains, tasks, statuses),
never a key or a parameter, so that there are as many as the project has tasks.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator

from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.registry import Collector

from datanectar.api.monitoring.counted import counted_metrics
from datanectar.counters.store import Counters
from datanectar.runs.statistics.ended import BUCKETS, NOT_BEGUN, EndedTotal
from datanectar.service.service import Service

_TASK = ["type", "chain", "task"]


class Figures(Collector):
    """What Prometheus gets.

    Args:
        service: whose store, queue and luigid are asked.
    """

    def __init__(self, service: Service) -> None:
        self._service = service
        self._counters = Counters(service.store.database)

    def collect(self) -> Iterator[Metric]:
        """Return every figure as it is now."""
        store = self._service.store
        yield _by_status("datanectar_runs", "Runs that have not ended.", store.active_counts())
        yield _by_status(
            "datanectar_engine_tasks", "Tasks at the Dask cluster.", store.engine_counts()
        )
        yield from counted_metrics(self._counters.all())
        totals = store.ended_totals()
        yield _ends(totals)
        yield _durations(totals)
        yield from self._single()

    def _single(self) -> Iterator[Metric]:
        service = self._service
        alive = len(service.store.living_workers(service.settings.heartbeat_timeout))
        silent = len(service.store.workers()) - alive
        for name, help, value in (
            ("queue_messages", "Messages that wait.", service.queue.size()),
            (
                "queue_oldest_seconds",
                "Seconds that the oldest waiting run has waited; 0 when none waits.",
                service.store.oldest_waiting_seconds(),
            ),
            ("workers", "Workers alive.", alive),
            ("workers_silent", "Workers that have stopped sending heartbeats.", max(0, silent)),
            ("luigid_up", "1 when luigid answers.", service.luigid.is_up()),
        ):
            yield GaugeMetricFamily(f"datanectar_{name}", help, value=value)


def _by_status(name: str, help: str, counts: dict[str, int]) -> Metric:
    family = GaugeMetricFamily(name, help, labels=["status"])
    for status, count in counts.items():
        family.add_metric([status], count)
    return family


def _ends(totals: list[EndedTotal]) -> Metric:
    family = CounterMetricFamily(
        "datanectar_runs_ended", "Runs that have ended.", labels=[*_TASK, "status"]
    )
    counts: Counter[tuple[str, ...]] = Counter()
    for row in totals:
        counts[row.type, row.chain, row.task, row.status] += row.count
    for labels, count in counts.items():
        family.add_metric(labels, count)
    return family


def _durations(totals: list[EndedTotal]) -> Metric:
    family = HistogramMetricFamily(
        "datanectar_run_duration_seconds", "How long ended runs took.", labels=_TASK
    )
    buckets: dict[tuple[str, ...], Counter[str]] = {}
    sums: defaultdict[tuple[str, ...], float] = defaultdict(float)
    for row in totals:
        if row.bucket != NOT_BEGUN:
            task = (row.type, row.chain, row.task)
            buckets.setdefault(task, Counter())[row.bucket] += row.count
            sums[task] += row.seconds
    for labels, by_bucket in buckets.items():
        family.add_metric(labels, _cumulative(by_bucket), sums[labels])
    return family


def _cumulative(counts: Counter[str]) -> list[tuple[str, float]]:
    """Return how many took up to each bound, as a histogram of Prometheus has it."""
    up_to, listed = 0, []
    for bucket in BUCKETS:
        up_to += counts[bucket]
        listed.append((bucket, float(up_to)))
    return listed
