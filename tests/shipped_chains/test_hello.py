from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any

from chains.testchains.hello_luigiworld_chain import DownstreamTask, TestS3Task
from datanectar import Result
from datanectar.testing.project import Project

GOLDEN = "chains/testchains/hello_luigiworld_chain/TestS3Task/b226f1826734303ca9d39d79f960b367"
Run = Callable[..., Result]


def test_hello_lies_under_the_golden_key_of_its_date(
    run_task: Run, run_date: Callable[[Any], None], nectar_project: Project
) -> None:
    run_date("2016-06-03")
    result = run_task(TestS3Task())
    assert result.read_text() == "Hello, Luigi world!\n"
    assert result.key == GOLDEN
    assert nectar_project.results() == [f"{GOLDEN}/out.txt"]


def test_the_greeting_carries_the_hello_on_to_the_name(run_chain: Run) -> None:
    result = run_chain(DownstreamTask(name="Ada", seconds=0))
    assert result.read_text() == "Hello, Luigi world! And hello, Ada!\n"
    assert result.ran == ["TestS3Task", "DownstreamTask"]
    assert result.key.endswith(hashlib.md5(b'{"name": "Ada"}').hexdigest())


def test_the_seconds_are_no_part_of_the_key(run_chain: Run) -> None:
    first = run_chain(DownstreamTask(seconds=0))
    again = run_chain(DownstreamTask(seconds=0.5))
    assert again.ran == []
    assert again.path == first.path


def test_each_step_is_in_the_log(run_task: Run) -> None:
    result = run_task(DownstreamTask(seconds=0), {TestS3Task(): "Servus."})
    assert result.read_text() == "Servus. And hello, datanectar!\n"
    assert result.ran == ["DownstreamTask"]
    assert "step 3 of 10\nstep 4 of 10" in result.log
