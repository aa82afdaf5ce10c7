"""Two webs, three worker hosts, one luigid on PostgreSQL and Redis: each part killed under load."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import pytest

from tests.servers.bookkeeping import Bookkeeper
from tests.servers.evidence import FAULTY
from tests.servers.load import Load
from tests.servers.postgres import new_database
from tests.servers.processes import wait_for
from tests.servers.site import WEBS, WORKERS, Site, site

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def served(
    tmp_path_factory: pytest.TempPathFactory, postgres_url: str, redis_url: str
) -> Iterator[Site]:
    with new_database(postgres_url) as database:
        folder = tmp_path_factory.mktemp("site")
        with site(folder, database, redis_url, DATANECTAR_MAX_QUEUED="20") as made:
            yield made


def test_each_part_is_killed_under_load_and_the_books_balance(served: Site) -> None:
    books = Bookkeeper(served.stack, served.evidence, children={})
    whole = Load(served.stack, seed=0, number=0)
    whole.names.clear()

    for number, name in enumerate((*WEBS, *WORKERS, "luigid"), 1):
        load = Load(served.stack, seed=number, number=number)
        load.thread.start()
        wait_for(lambda load=load: len(load.accepted) > 3, "some are accepted")
        served.restart(name)
        load.thread.join()
        whole.names |= load.names
        whole.accepted |= load.accepted

    found = books.check(whole, "kill each in turn")
    assert found.wrong == []
    assert found.accepted == sum(found.ends.values()) == 12 * (len(WEBS) + len(WORKERS) + 1)
    made = Counter(line.task for line in served.evidence.lines("end"))
    assert set(made.values()) == {1}


def test_luigids_host_is_gone_for_longer_than_a_run_may_take(served: Site) -> None:
    """An hour in miniature: a run may take 4 s here, and 20 runs may wait."""
    stack = served.stack
    stack.chain("basic/hasty_chain", _HASTY)
    served.lose_luigid()

    hasty = stack.client.post("basic/hasty_chain/HastyTask")
    patient = [stack.client.post(f"{FAULTY}/WorkTask", name=f"patient {n}") for n in range(12)]

    late = stack.ended(str(hasty["key"]))
    assert (late["job_status"], "time limit of 4 s" in str(late["error"])) == ("FAILED", True)
    first = stack.status(str(patient[0]["key"]))
    assert (first["job_status"], first["scheduler"]) == ("RUNNING", "unreachable")
    answers = [stack.post(f"{FAULTY}/WorkTask", json={"name": f"more {n}"}) for n in range(25)]
    assert {answer.status_code for answer in answers} == {200, 429}
    served.start_luigid()
    keys = [run["key"] for run in patient]
    keys += [answer.json()["data"]["key"] for answer in answers if answer.ok]
    assert {stack.ended(str(key))["job_status"] for key in keys} == {"DONE"}


_HASTY = """
from datanectar import NectarTask

class HastyTask(NectarTask):
    run_timeout = 4

    def run(self):
        with self.output().open("w") as out:
            out.write("done")
"""
