"""The queue of results: from this process and from others."""

from __future__ import annotations

import multiprocessing
import queue

import pytest

from datanectar.runner.result_queue import ResultQueue


def test_results_come_from_here_and_from_other_processes() -> None:
    results = ResultQueue()
    with pytest.raises(queue.Empty):
        results.get(timeout=0.01)
    assert results.empty()

    other = multiprocessing.get_context("fork").Process(target=results.put, args=("there",))
    other.start()
    other.join()
    results.put("here")

    assert {results.get(timeout=30), results.get(timeout=30)} == {"here", "there"}
    assert results.empty()
    results.close()
