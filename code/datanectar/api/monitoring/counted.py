"""The metrics that processes count: their labels and their help."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from prometheus_client.core import CounterMetricFamily, HistogramMetricFamily, Metric

from datanectar.telemetry.counts import (
    ATTEMPTS_LOST,
    CPU_SECONDS,
    ERRORS,
    PEAK_BUCKETS,
    PEAK_MEMORY,
    SCHEDULES_MISSED,
    WORKERS_LOST,
)

Counts = Mapping[str, Mapping[tuple[str, ...], float]]

_TASK = ["type", "chain", "task"]
_COUNTERS = {
    ERRORS: ("Errors of what the service relies on.", ["part", "kind"]),
    SCHEDULES_MISSED: ("Fires of schedules that started no run.", _TASK),
    WORKERS_LOST: ("Workers that ended without a word.", []),
    ATTEMPTS_LOST: ("Attempts that ended with their worker or process.", _TASK),
    CPU_SECONDS: ("CPU time of the tasks of runs, in seconds.", _TASK),
}


def counted_metrics(counts: Counts) -> Iterator[Metric]:
    """Return the metrics; one that nothing was counted of is there, without samples.

    Args:
        counts: what all processes have counted, by metric and labels.
    """
    for name, (help, labels) in _COUNTERS.items():
        family = CounterMetricFamily(name, help, labels=labels)
        for values, count in sorted(counts.get(name, {} if labels else {(): 0.0}).items()):
            family.add_metric(values, count)
        yield family
    yield _peaks(counts)


def _peaks(counts: Counts) -> Metric:
    family = HistogramMetricFamily(
        PEAK_MEMORY, "The most memory that each task of a run took.", labels=_TASK
    )
    buckets = counts.get(PEAK_MEMORY, {})
    for task, total in sorted(counts.get(f"{PEAK_MEMORY}_sum", {}).items()):
        up_to, listed = 0.0, []
        for bucket in PEAK_BUCKETS:
            up_to += buckets.get((*task, bucket), 0.0)
            listed.append((bucket, up_to))
        family.add_metric(task, listed, total)
    return family
