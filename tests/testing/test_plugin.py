"""The pytest plugin, used as an author of chains uses it."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

import pytest

from chains.testchains.hello_luigiworld_chain import DownstreamTask
from chains.testchains.hello_luigiworld_chain import TestS3Task as HelloTask
from datanectar import Result, settings
from datanectar.testing.project import Project

Run = Callable[..., Result]


@pytest.mark.parametrize("nectar_store", ["local", "s3"])
def test_a_chain_runs_in_either_store(run_chain: Run, nectar_store: str) -> None:
    began = time.perf_counter()
    result = run_chain(DownstreamTask(seconds=0))
    print(f"a chain of two tasks, {nectar_store}: {time.perf_counter() - began:.3f} s")

    assert result.read_text() == "Hello, Luigi world! And hello, datanectar!\n"
    assert result.path.startswith("s3://") == (nectar_store == "s3")
    assert "step 10 of 10" in result.log
    assert run_chain(DownstreamTask(seconds=0)).ran == []


def test_a_task_is_run_alone(run_task: Run, fake_result: Callable[..., None]) -> None:
    with pytest.raises(pytest.fail.Exception, match="requires what is not there: TestS3Task"):
        run_task(DownstreamTask(seconds=0))
    fake_result(HelloTask(), "Servus.")
    result = run_task(DownstreamTask(seconds=0))
    assert (result.ran, result.read_text()) == (
        ["DownstreamTask"],
        "Servus. And hello, datanectar!\n",
    )


def test_the_run_date_is_the_tests_own(run_task: Run, run_date: Callable[[Any], None]) -> None:
    run_date("2016-06-03")
    assert run_task(HelloTask()).key.endswith("/b226f1826734303ca9d39d79f960b367")


def test_results_are_in_a_folder_of_the_test(nectar_project: Project, run_task: Run) -> None:
    assert nectar_project.results() == []
    path = run_task(HelloTask()).path
    assert path.startswith(str(nectar_project.folder))
    assert settings.current().is_local


def test_the_plugin_loads_luigi_for_no_test_that_does_not_use_it() -> None:
    code = (
        "import sys, datanectar.testing.plugin; "
        "print([m for m in ('luigi', 'boto3', 'moto', 'datanectar.settings') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
