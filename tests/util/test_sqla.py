"""``luigi.contrib.sqla`` beside SQLAlchemy 2: tables, markers, and nothing else touched (fault 1.7)."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import luigi
import pytest
import sqlalchemy
from luigi.contrib import sqla
from sqlalchemy import Integer, String

from datanectar.util.sqla import mend_sqla
from tests.servers.stack import Stack

pytestmark = pytest.mark.slow

mend_sqla()

FRUIT = [(["name", String(9)], {}), (["number", Integer], {})]


def copier(folder: Path, **attributes: Any) -> type[sqla.CopyToTable]:
    """Return a CopyToTable class of its own that fills a table in ``folder``."""

    class CopyTask(sqla.CopyToTable):
        connection_string = f"sqlite:///{folder}/shop.db"
        table = "fruit"
        columns = FRUIT
        count = luigi.IntParameter(default=2)

        def rows(self) -> Any:
            for number in range(self.count):
                yield f"{self.table}{number}", number

    # A family of its own: Luigi takes equal families and parameters for one task.
    return type(f"Copy{attributes.get('table', 'fruit').title()}Task", (CopyTask,), attributes)


def build(*tasks: luigi.Task) -> bool:
    return bool(luigi.build(tasks, local_scheduler=True, no_lock=True, log_level="WARNING"))


def content(folder: Path, query: str) -> list[tuple[Any, ...]]:
    engine = sqlalchemy.create_engine(f"sqlite:///{folder}/shop.db")
    try:
        with engine.connect() as connection:
            return [tuple(row) for row in connection.execute(sqlalchemy.text(query))]
    finally:
        engine.dispose()


def test_a_table_is_filled_once(tmp_path: Path) -> None:
    """Fault 1.7: the second run finds its marker and adds nothing."""
    task = copier(tmp_path)()

    assert not task.complete()
    assert build(task)
    assert task.complete()
    assert build(task)

    assert content(tmp_path, "select * from fruit") == [("fruit0", 0), ("fruit1", 1)]
    assert content(tmp_path, "select update_id, target_table from table_updates") == [
        (task.task_id, "fruit")
    ]


def test_each_update_of_each_table_has_its_own_marker(tmp_path: Path) -> None:
    """Fault 1.7: several tables in one database, several updates of one table."""
    fruit, roots = copier(tmp_path), copier(tmp_path, table="roots")

    assert build(fruit(count=1), fruit(count=2), roots(count=1))

    assert not fruit(count=3).complete()
    assert content(tmp_path, "select count(*) from fruit") == [(3,)]
    assert content(tmp_path, "select name from roots") == [("roots0",)]


def test_rows_are_inserted_in_chunks(tmp_path: Path) -> None:
    """Fault 1.7: all rows arrive when there are more than go into one insert."""
    task = copier(tmp_path, chunk_size=3)(count=10)

    assert build(task)

    assert content(tmp_path, "select count(*), max(number) from fruit") == [(10, 9)]


def test_a_table_that_is_there_is_reflected(tmp_path: Path) -> None:
    """Fault 1.7: ``reflect`` takes the columns from the database."""
    assert build(copier(tmp_path)(count=1))

    assert build(copier(tmp_path, columns=[], reflect=True)(count=2))

    assert content(tmp_path, "select count(*) from fruit") == [(3,)]


def test_a_target_is_there_once_it_is_touched(tmp_path: Path) -> None:
    """Fault 1.7: ``SQLAlchemyTarget`` by itself; a second touch renews the same row."""
    where = f"sqlite:///{tmp_path}/shop.db"
    target = sqla.SQLAlchemyTarget(where, "fruit", "monday")
    other = sqla.SQLAlchemyTarget(where, "fruit", "tuesday")

    assert not target.exists()
    target.touch()
    target.touch()

    assert target.exists()
    assert sqla.SQLAlchemyTarget(where, "fruit", "monday").exists()
    assert not other.exists()
    assert content(tmp_path, "select count(*) from table_updates") == [(1,)]


def test_a_subclass_keeps_an_exists_of_its_own(tmp_path: Path) -> None:
    class NeverTarget(sqla.SQLAlchemyTarget):
        def exists(self) -> bool:
            return False

    assert not NeverTarget(f"sqlite:///{tmp_path}/shop.db", "fruit", "monday").exists()


_LOOK = """
target = sqla.SQLAlchemyTarget("sqlite://", "fruit", "monday")
assert not target.exists()
target.touch()
assert target.exists()
"""


@pytest.mark.parametrize(
    "imports",
    [
        "from datanectar import NectarTask\nfrom luigi.contrib import sqla",
        "from luigi.contrib import sqla\nfrom datanectar import NectarTask",
        "from datanectar import NectarTask\nimport importlib\n"
        "sqla = importlib.reload(importlib.import_module('luigi.contrib.sqla'))",
    ],
    ids=["before", "after", "reloaded"],
)
def test_it_works_whichever_is_imported_first(imports: str) -> None:
    """Fault 1.7: plain Luigi, with datanectar imported somewhere in the chain."""
    subprocess.run([sys.executable, "-c", imports + _LOOK], check=True)


def test_who_does_not_ask_for_it_loads_no_sqlalchemy() -> None:
    code = (
        "from datanectar import NectarTask; import luigi.contrib, sys\n"
        "assert not {'sqlalchemy', 'luigi.contrib.sqla'} & sys.modules.keys()"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_luigis_own_is_still_refused() -> None:
    """When this fails, Luigi speaks SQLAlchemy 2: ``datanectar.util.sqla`` can go."""
    ended = subprocess.run(
        [sys.executable, "-c", "from luigi.contrib import sqla" + _LOOK],
        capture_output=True,
        text=True,
    )

    assert "ArgumentError" in ended.stderr


CHAIN = """
from luigi.contrib import sqla
from sqlalchemy import String

class FillTask(sqla.CopyToTable):
    connection_string = "sqlite:///shop.db"
    table = "fruit"
    columns = [(["name", String(9)], {})]

    def rows(self):
        yield ("pear",)
"""


def test_the_service_fills_a_table_once(stack: Stack) -> None:
    """Fault 1.7: in a run, by an author who knows nothing of datanectar."""
    stack.chain("shop/table_chain", CHAIN)

    for _ in range(2):
        status = stack.run("shop/table_chain/FillTask")
        assert status["job_status"] == "DONE", status

    assert content(stack.project / "code", "select * from fruit") == [("pear",)]
