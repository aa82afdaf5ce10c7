"""Tasks without a route: which they are, and the reason that each route gives."""

from __future__ import annotations

import pytest

from tests.api.answers import data, refused
from tests.servers.stack import Stack

LISTED = """
import abc
import luigi
from datanectar import NectarTask
from chains.basic.plain_chain import GreetTask

class Report(luigi.Task):
    def output(self):
        return luigi.LocalTarget("report.txt")

class Listed(NectarTask):
    n = luigi.IntParameter(default=0)

class ÜbersichtTask(NectarTask):
    '''An overview.'''

class _Base(luigi.Task):
    pass

class GoodTask(_Base):
    pass

class Mail(luigi.Config):
    host = luigi.Parameter(default="")

ReportTask = Report
BetterTask = GoodTask
helper = _Base
__all_tasks__ = [Listed, GreetTask, "Report", int]
"""
PLACE = "named/left_chain"


@pytest.fixture(scope="module")
def project(web: Stack) -> Stack:
    web.chain(PLACE, LISTED)
    web.chain("named/wrong_chain", "__all_tasks__ = 5\n")
    web.chain("my-type/x_chain", "import luigi\nclass OneTask(luigi.Task):\n    pass\n")
    web.chain("named/two-part_chain", "")
    return web


def test_the_listing_names_what_has_no_route_and_why(project: Stack) -> None:
    """Faults 1.9 and 1.10."""
    chain = data(project.get(f"/api/chains/{PLACE}"))

    assert chain["error"] is None
    tasks = {task["name"]: task["error"] for task in chain["tasks"]}
    assert list(tasks) == ["Listed", "GoodTask", "ÜbersichtTask"]
    assert tasks["Listed"] is tasks["GoodTask"] is None
    assert "ASCII letters, digits and underscores" in tasks["ÜbersichtTask"]
    left = {item["name"]: item["reason"] for item in chain["left_out"]}
    assert set(left) == {"Report", "ReportTask", "BetterTask", "GreetTask", "'Report'", "int"}
    assert "gets a route when its name ends in Task" in left["Report"]
    assert "__all_tasks__ = [Report]" in left["ReportTask"]
    assert "ask for GoodTask" in left["BetterTask"]
    assert "defined in chains.basic.plain_chain" in left["GreetTask"]
    assert "no luigi.Task class" in left["int"]


def test_a_list_that_is_none_says_so(project: Stack) -> None:
    chain = data(project.get("/api/chains/named/wrong_chain"))

    assert [item["name"] for item in chain["left_out"]] == ["__all_tasks__"]
    assert "__all_tasks__ = [Report]" in chain["left_out"][0]["reason"]


def test_a_listed_task_has_its_own_name_as_route_family_and_key(project: Stack) -> None:
    response = data(project.post(f"{PLACE}/Listed?n=3"))

    assert response["key"].startswith(f"chains/{PLACE}/Listed/")
    explained = data(project.get(f"/api/chains/{PLACE}/Listed/key?n=3"))
    assert explained["task_id"].startswith("Listed_3_")
    assert data(project.get("/api/chains/named/Listed/key?n=3"))["key"] == response["key"]
    assert f"/api/chains/{PLACE}/Listed" in project.get("/openapi.json").json()["paths"]


@pytest.mark.parametrize("path", [f"{PLACE}/Report", "named/Report"])
def test_a_post_of_what_has_no_route_gives_the_reason(project: Stack, path: str) -> None:
    """Fault 1.9."""
    message = refused(project.post(path), 404)["message"]

    assert "gets a route when its name ends in Task" in message
    assert "__all_tasks__ = [Report]" in message


@pytest.mark.parametrize("path", ["/api/chains/{}/Report", "/chains/{}/Report"])
def test_so_is_a_look_at_it(project: Stack, path: str) -> None:
    response = project.get(path.format(PLACE))

    assert response.status_code == 404
    assert "gets a route when its name ends in Task" in response.text


def test_a_wrong_name_lists_those_that_are_there(project: Stack) -> None:
    message = refused(project.post(f"{PLACE}/NopeTask"), 404)["message"]

    assert "its tasks: Listed, GoodTask" in message
    assert "Without a route: " in message


def test_a_task_that_breaks_the_rule_of_names_gives_that_reason(project: Stack) -> None:
    """Fault 1.10."""
    for response in (
        project.post(f"{PLACE}/ÜbersichtTask"),
        project.post("named/ÜbersichtTask"),
    ):
        assert "ASCII letters" in refused(response, 404)["message"]
    assert "ÜbersichtTask" not in str(project.get("/openapi.json").json()["paths"].keys())
    assert "ASCII letters" in project.get(f"/chains/{PLACE}/ÜbersichtTask").text


@pytest.mark.parametrize(
    ("method", "path", "bad"),
    [
        ("post", "my-type/x_chain/OneTask", "my-type"),
        ("get", "my-type/x_chain", "my-type"),
        ("get", "my-type/x_chain/OneTask/key", "my-type"),
        ("post", "named/two-part_chain/OneTask", "two-part_chain"),
    ],
)
def test_a_chain_that_breaks_it_is_not_proposed_for_itself(
    project: Stack, method: str, path: str, bad: str
) -> None:
    """Fault 1.10."""
    response = project.post(path) if method == "post" else project.get(f"/api/chains/{path}")

    message = refused(response, 404)["message"]
    assert "Did you mean" not in message
    assert f"'{bad}' can't be part of a route" in message


def test_the_home_page_names_them(project: Stack) -> None:
    assert "Without a route: " in project.get("/?type=named").text
