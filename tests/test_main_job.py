"""The main job, end to end: a POST runs a chain through luigid into a file under its key."""

from __future__ import annotations

import json

from tests.servers.stack import Stack


def test_a_post_runs_the_task_and_its_result_is_at_the_url_of_its_status(stack: Stack) -> None:
    answer = stack.post("basic/plain_chain/GreetTask?name=you")

    assert answer.status_code == 200
    body = answer.json()
    assert (body["status"], body["message"]) == (200, "success")
    assert body["data"]["job_status"] == "PENDING"
    assert answer.headers["Location"] == body["data"]["status_url"]
    status = stack.ended(body["data"]["key"])
    assert (status["job_status"], status["expires_in"], status["attempts"]) == ("DONE", 600, 1)
    assert stack.get(status["resource_url"].removeprefix(stack.url)).text == "hello you\n"
    assert json.loads(stack.file(status["key"], "params.txt").read_text()) == {"name": "you"}
    assert "greeting you" in stack.file(status["key"], "log").read_text()


def test_the_same_post_again_is_answered_with_the_result_and_starts_nothing(stack: Stack) -> None:
    first = stack.run("basic/plain_chain/GreetTask", name="twice")

    again = stack.post("basic/plain_chain/GreetTask?name=twice").json()["data"]

    assert again["job_status"] == "DONE"
    assert again["run_id"] == first["run_id"]
    assert again["target_url"] == first["resource_url"]
    assert again["expires_in"] == 60
