"""Text that is not UTF-8, from files' names and from chains: no page and no answer fails for it."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from tests.api.answers import data
from tests.servers.stack import Stack

CHAIN = r'''
"""A doc with \udce9 in it."""
import luigi
from datanectar import NectarTask


class OddTask(NectarTask):
    name = luigi.Parameter(default="\udce9", description="what \udcff is")
    kind = luigi.ChoiceParameter(choices=["a", "\ud800"], default="a")
    odd = luigi.Parameter(default="\udce9=\udcff", significant=False)


class TimedTask(NectarTask):
    schedule = "0 6 * * * \udce9"


class PlainTask(NectarTask):
    odd = luigi.Parameter(default="\udce9", significant=False)
    def run(self):
        raise ValueError("\udce9")


OddTask.__doc__ = "Its doc has \udce9 in it."
'''


@pytest.fixture(scope="module")
def odd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A web over chains with odd text, and runs of them that wait."""
    stack = Stack(tmp_path_factory.mktemp("project"))
    stack.chain("imp/odd_chain", CHAIN)
    stack.chain("imp/broken_chain", r'raise ValueError("\udce9")')
    folder = os.fsencode(stack.project / "code" / "chains" / "imp")
    for name in (b"caf\xe9_chain.py", b"\xff_chain.py"):
        with open(os.path.join(folder, name), "w") as file:
            file.write("raise ValueError")
    os.makedirs(os.path.join(folder, b"..", b"t\xe9"))
    with open(os.path.join(folder, b"..", b"t\xe9", b"a_chain.py"), "w") as file:
        file.write("import luigi\nclass ATask(luigi.Task): pass\n")
    try:
        stack.settings.state.mkdir(parents=True)
        stack.start_web()
        yield stack
    finally:
        stack.close()


PAGES = [
    "/",
    "/?q=caf%c3%a9",
    "/chains/imp",
    "/chains/imp/odd_chain",
    "/chains/imp/broken_chain",
    "/chains/imp/caf%e9_chain",
    "/chains/t%e9",
    "/history",
    "/docs",
    "/chains/imp/odd_chain/OddTask",
    "/chains/imp/odd_chain/PlainTask",
    "/chains/imp/caf%e9_chain/ATask",
    "/chains/t%e9/a_chain/ATask",
    "/nowhere%e9",
    "/runs/%e9",
    "/api/chains",
    "/api/chains/imp",
    "/api/chains/imp/odd_chain",
    "/api/chains/imp/broken_chain",
    "/api/chains/t%e9",
    "/api/chains/imp/odd_chain/OddTask/key",
    "/api/runs",
    "/api/runs?param=odd=%c3%a9",
    "/openapi.json",
    "/metrics",
]


def test_no_page_fails_for_text_that_is_no_utf_8(odd: Stack) -> None:
    """Fault 3.13: the home page was a 500 until the file was removed, the history for 90 days."""
    given = {"OddTask": {"name": "n", "odd": "o"}, "PlainTask": {"odd": "o"}}
    for task, params in given.items():
        posted = odd.post(f"imp/odd_chain/{task}", params=params)
        assert posted.status_code == 200, posted.text
        form = f"{odd.url}/chains/imp/odd_chain/{task}"
        assert odd.get(f"/chains/imp/odd_chain/{task}", headers={"Accept": "text/html"}).ok, form
    runs = data(odd.get("/api/runs"))["runs"]
    own = [f"/runs/{run['id']}" for run in runs]
    own += [f"/api/runs/{run['id']}" for run in runs]
    own += [f"/api/chainstatus?chain={run['key']}/out.txt" for run in runs]
    assert own

    for path in [*PAGES, *own]:
        for accepted in ("text/html", "application/json"):
            answer = odd.get(path, headers={"Accept": accepted})
            assert answer.status_code < 500, (path, answer.text)
            answer.content.decode()
    assert "Traceback" not in odd.output("web")
