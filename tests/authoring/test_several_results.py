"""Several results of one task, from the page about the helpers, over the whole service."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
import requests

from datanectar import NectarTask
from datanectar.errors import ChainError
from tests.authoring.test_docs import PAGE
from tests.servers.stack import Stack

PLACE = "etl/several_chain"


@pytest.fixture
def several(stack: Stack) -> Iterator[Stack]:
    source = re.search(r"```python\n(class SplitTask.+?)```", PAGE, re.DOTALL)
    assert source
    stack.chain(PLACE, f"from datanectar import NectarTask\n\n\n{source[1]}")
    yield stack


def test_several_results_are_made_listed_given_out_and_dropped(several: Stack) -> None:
    status = several.run(f"{PLACE}/CountTask")
    assert status["job_status"] == "DONE", status
    folder = several.project / "local_targets" / "chains" / PLACE
    assert [file.read_text() for file in folder.glob("CountTask/*/out.txt")] == ["3 and 1\n"]
    (key,) = (str(path.relative_to(folder.parents[2])) for path in folder.glob("SplitTask/*"))
    url = f"{several.url}/api/targets/{key}"

    status = several.run(f"{PLACE}/SplitTask")
    assert status["job_status"] == "DONE", status
    assert sorted(file["name"] for file in status["results"]) == ["test.json", "train.json"]
    assert requests.get(f"{url}/train.json", timeout=30).json() == [1, 2, 3]
    assert requests.get(f"{url}/test.json", timeout=30).json() == [4]

    assert requests.delete(url, timeout=30).status_code == 200
    assert not list(folder.glob("SplitTask/*/t*.json"))


def test_half_of_the_results_is_no_result(several: Stack) -> None:
    assert several.run(f"{PLACE}/SplitTask")["job_status"] == "DONE"
    (train,) = (several.project / "local_targets").rglob("SplitTask/*/train.json")
    train.unlink()

    assert several.run(f"{PLACE}/SplitTask")["job_status"] == "DONE"
    assert train.read_text() == "[1, 2, 3]\n"


def test_a_name_of_the_services_own_is_refused() -> None:
    class LoggingTask(NectarTask):
        """Would overwrite its log."""

    LoggingTask.__module__ = "chains.etl.several_chain"
    with pytest.raises(ChainError, match=r"can't keep its result as 'log'"):
        LoggingTask().named_output("log")
