"""``datanectar.run`` and what notebooks show."""

from __future__ import annotations

import hashlib
import logging
import multiprocessing
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import luigi
import pytest

from datanectar import Chain, RunFailed, run
from datanectar.errors import DatanectarError
from datanectar.testing.project import Project
from tests.util.chains import imported

CHAIN = """
import logging
import luigi
from datanectar import NectarTask, run

class ReadTask(NectarTask):
    "Reads <b>."
    name = luigi.Parameter(description="<i>whose</i>")
    def run(self):
        print("reading", self.name)
        logging.getLogger("mine").info("a line of a logger")
        if self.name == "bad":
            {}["amount"]
        with self.output().open("w") as out:
            out.write('{"of": "%s"}' % self.name[:3])

class ReportTask(ReadTask):
    def requires(self):
        return ReadTask(name=self.name)

class NestedTask(NectarTask):
    def run(self):
        run(ReadTask(name="x"))
"""


@pytest.fixture
def chain(
    nectar_project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Any]:
    with imported(CHAIN, "steps_chain", tmp_path / "p", monkeypatch) as module:
        nectar_project.set_run_date("2016-06-03")
        yield module


def test_a_result_has_status_key_path_content_and_log(chain: Any) -> None:
    result = run(chain.ReportTask(name="Ada"))

    md5 = hashlib.md5(b'{"name": "Ada"}').hexdigest()
    assert (result.status, result.ran) == ("DONE", ["ReadTask", "ReportTask"])
    assert result.key == f"chains/etl/steps_chain/ReportTask/{md5}"
    assert result.path.endswith(f"/{result.key}/out.txt")
    assert result.json() == {"of": "Ada"}
    assert "reading Ada" in result.log
    assert "INFO mine: a line of a logger" in result.log
    assert run(chain.ReportTask(name="Ada")).ran == []


def test_a_failure_names_task_reason_and_log_and_is_caused_by_the_tasks_own_error(
    chain: Any,
) -> None:
    with pytest.raises(RunFailed) as failed:
        run(chain.ReportTask(name="bad"))

    assert failed.value.task == "etl/steps_chain/ReadTask"
    assert failed.value.reason == "KeyError: 'amount'"
    assert "reading bad" in failed.value.log
    assert isinstance(failed.value.__cause__, KeyError)
    assert "etl/steps_chain/ReadTask failed: KeyError: 'amount'" in str(failed.value)
    assert failed.value.result.tasks[chain.ReadTask(name="bad")] == "FAILED"


def test_the_process_is_left_as_it_was(chain: Any) -> None:
    def state() -> Any:
        root, logger = logging.getLogger(), logging.getLogger("luigi-interface")
        loggers = [
            (x.level, list(x.handlers), list(x.filters), x.propagate) for x in (root, logger)
        ]
        method = multiprocessing.get_start_method(allow_none=True)
        return loggers, method, logging.basicConfig, luigi.Task.__repr__, luigi.worker.load_task

    before = state()
    run(chain.ReadTask(name="Ada"))
    assert state() == before


def test_a_class_of_no_chain_and_a_run_within_a_task_are_refused(chain: Any) -> None:
    class LooseTask(luigi.Task):
        pass

    with pytest.raises(DatanectarError, match="must be defined in"):
        run(LooseTask())
    with pytest.raises(RunFailed, match="can't be called by a task"):
        run(chain.NestedTask())


def test_html_has_status_parameters_and_graph_and_is_escaped(chain: Any) -> None:
    task = chain.ReportTask(name="<script>")
    assert "not made yet" in task._repr_html_()
    result = run(task)
    for shown in (result._repr_html_(), task._repr_html_()):
        assert "DONE" in shown
        assert "<svg" in shown
        assert "&lt;script&gt;" in shown
        assert "<script>" not in shown
        assert f'href="{Path(result.path).as_uri()}"' in shown


def test_a_chain_has_its_tasks_and_shows_them(chain: Any) -> None:
    steps = Chain("etl/steps_chain")
    assert steps.ReadTask is chain.ReadTask
    assert "ReportTask" in dir(steps)
    shown = steps._repr_html_()
    assert "Reads &lt;b&gt;." in shown
    assert "&lt;i&gt;whose&lt;/i&gt;" in shown
    with pytest.raises(AttributeError, match="ReportTask"):
        _ = steps.MissingTask
