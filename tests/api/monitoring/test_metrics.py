"""What Prometheus gets of runs that have ended."""

from __future__ import annotations

from prometheus_client.parser import text_string_to_metric_families

from tests.api.answers import data
from tests.servers.stack import Stack


def test_ended_runs_are_counted_with_their_durations(stack: Stack) -> None:
    body = data(stack.post("basic/plain_chain/GreetTask?name=counted"))
    stack.ended(body["key"])

    families = {
        family.name: family for family in text_string_to_metric_families(stack.get("/metrics").text)
    }
    task = {"type": "basic", "chain": "plain_chain", "task": "GreetTask"}
    (ended,) = families["datanectar_runs_ended"].samples
    assert (ended.name, ended.value) == ("datanectar_runs_ended_total", 1)
    assert ended.labels == {**task, "status": "DONE"}
    durations = families["datanectar_run_duration_seconds"].samples
    by_bound = {one.labels["le"]: one.value for one in durations if "le" in one.labels}
    assert (by_bound["0.1"] <= by_bound["60"], by_bound["+Inf"]) == (True, 1)
    assert sorted(by_bound.values()) == [*by_bound.values()]
    (summed,) = [one for one in durations if one.name.endswith("_sum")]
    assert summed.labels == task and 0 < summed.value < 300
