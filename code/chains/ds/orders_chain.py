"""Orders by the month, joined with customers and added up by city on a Dask cluster::

    OrdersTask (folder of parquet) ────┐
    CustomersTask (parquet) ───────────┴── CityTotalsTask (folder of parquet)

Tables that are larger than a machine are read, joined and added up by the cluster's workers, from S3 or a
shared folder. On a laptop it runs on a small cluster of its own. What it needs:
``pip install -e '.[dask,frames]'``, see docs/engines.md.
"""

from __future__ import annotations

import random
from pathlib import Path
from typing import TYPE_CHECKING

import luigi

from datanectar import NectarTask

if TYPE_CHECKING:
    import pandas as pd

CITIES = ("Aachen", "Bremen", "Coburg", "Dresden", "Erfurt")


class CustomersTask(NectarTask):
    """Make a table of customers, each with a city."""

    customers = luigi.IntParameter(default=500, description="how many customers there are")
    output_name = "customers.parquet"
    frequency = "once"

    def run(self) -> None:
        """Write a line for each customer."""
        import pandas as pd

        numbers = range(self.customers)
        cities = [CITIES[number % len(CITIES)] for number in numbers]
        self.save(pd.DataFrame({"customer": numbers, "city": cities}))


class OrdersTask(NectarTask):
    """Make a table of orders, a part for each month, as an export of a shop would be."""

    customers = luigi.IntParameter(default=500, description="how many customers there are")
    orders = luigi.IntParameter(default=2_000, description="how many orders a month has")
    output_name = "orders/"
    frequency = "once"

    def run(self) -> None:
        """Write a file for each month."""
        with self.output().temporary_path() as folder:
            for month in self.track(range(1, 13)):
                part = Path(folder, f"month={month:02}")
                part.mkdir()
                self._month(month).to_parquet(part / "part-0.parquet", index=False)

    def _month(self, month: int) -> pd.DataFrame:
        import pandas as pd

        chance = random.Random(month)  # noqa: S311  # the same orders each time
        rows = [
            (chance.randrange(self.customers), chance.randrange(100, 10_000))
            for _ in range(self.orders)
        ]
        return pd.DataFrame(rows, columns=["customer", "cents"])


class CityTotalsTask(NectarTask):
    """Add up the orders of each city and month, by a cluster."""

    customers = luigi.IntParameter(default=500, description="how many customers there are")
    orders = luigi.IntParameter(default=2_000, description="how many orders a month has")
    output_name = "totals/"
    frequency = "once"

    def requires(self) -> dict[str, luigi.Task]:
        """Need both tables."""
        return {
            "customers": CustomersTask(customers=self.customers),
            "orders": OrdersTask(customers=self.customers, orders=self.orders),
        }

    def run(self) -> None:
        """Read, join and add up at the cluster; fetch the totals part by part."""
        cluster = self.dask
        import dask.dataframe as frames

        orders = frames.read_parquet(self.input()["orders"].path, filesystem="arrow")
        customers = frames.read_parquet(self.input()["customers"].path, filesystem="arrow")
        joined = orders.merge(customers, on="customer")
        joined["month"] = joined["month"].astype(int)
        totals = joined.groupby(["city", "month"])["cents"].sum(split_out=2).reset_index()
        with self.output().temporary_path() as folder:
            for number, part in enumerate(self.track(totals.to_delayed())):
                frame = cluster.compute(part, sync=True)
                frame.to_parquet(Path(folder, f"part-{number}.parquet"), index=False)
