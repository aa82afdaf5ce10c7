"""``width``: one wide chain, shared out among workers by luigid."""

from __future__ import annotations

from collections.abc import Callable

from tests.servers.stack import Stack


def test_a_wide_run_is_done_by_several_workers(make_stack: Callable[..., Stack]) -> None:
    stack = make_stack(DATANECTAR_WORKERS="2").start()
    stack.start_worker("second")

    status = stack.run("wide/wide_chain/WideTask", name="a")

    assert status["job_status"] == "DONE", status
    pids = stack.file(str(status["key"])).read_text().split()
    assert len(pids) == 3
    graph = stack.get(f"/api/chaingraph?chain={status['key']}").json()["data"]
    assert {node["status"] for node in graph["nodes"]} == {"DONE"}
    assert len(graph["edges"]) == 6


def test_a_leaf_that_fails_in_an_assisting_worker_fails_the_run_with_its_words(
    make_stack: Callable[..., Stack],
) -> None:
    stack = make_stack(DATANECTAR_WORKERS="3").start()

    status = stack.run("wide/wide_chain/WideTask", name="b", fail=True)

    assert status["job_status"] == "FAILED"
    assert status["error"] == "ValueError: leaf 0 will not"
    assert "/LeafTask/" in str(status["failed_key"])
    assert stack.run("wide/wide_chain/WideTask", name="b")["job_status"] == "DONE"
