"""Rows copied into a table by SQLAlchemy, and read again."""

import sqlalchemy
from luigi.contrib import sqla

from chains.examples.evidence import Noted, folder, ran
from datanectar import NectarTask  # noqa: F401  # for plain Luigi: mends luigi.contrib.sqla


class FillTask(sqla.CopyToTable):
    table = "fruit"
    chunk_size = 2
    columns = [
        (["name", sqlalchemy.String(9)], {}),
        (["number", sqlalchemy.Integer], {"primary_key": True}),
    ]

    @property
    def connection_string(self):
        return f"sqlite:///{folder(self).parent}/shop.db"

    def rows(self):
        ran(self)
        for number in range(5):
            yield f"pear{number}", number


class DumpTask(Noted):
    def requires(self):
        return FillTask()

    def text(self):
        engine = self.input().engine
        with engine.connect() as connection:
            rows = connection.execute(sqlalchemy.text("select * from fruit order by number"))
            marks = connection.execute(sqlalchemy.text("select update_id from table_updates"))
            return f"{rows.fetchall()} {marks.fetchall()}"
