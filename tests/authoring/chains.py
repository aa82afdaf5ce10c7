"""A chain whose tasks save, load, log and show progress; for the tests of this folder."""

from __future__ import annotations

CHAIN = """
import logging
import luigi
from luigi.util import requires
from datanectar import NectarTask


class JsonTask(NectarTask):
    output_name = "out.json"
    n = luigi.IntParameter(default=3)

    def run(self):
        self.save({"n": self.n})


class SumTask(NectarTask):
    n = luigi.IntParameter(default=3)

    def requires(self):
        return {"small": JsonTask(n=1), "all": [JsonTask(n=2), JsonTask(n=self.n)]}

    def run(self):
        made = self.load(self.input())
        self.save(f"{made['small']['n']} {[each['n'] for each in made['all']]}")


class YieldTask(NectarTask):
    n = luigi.IntParameter(default=3)

    def run(self):
        target = yield JsonTask(n=self.n)
        self.save(str(self.load(target)["n"]))


class ParquetTask(NectarTask):
    output_name = "out.parquet"


class CsvTask(NectarTask):
    output_name = "out.CSV"


class FeatherTask(NectarTask):
    output_name = "out.feather"


class LinesTask(NectarTask):
    output_name = "out.jsonl"


class PictureTask(NectarTask):
    output_name = "out.png"


class PickleTask(NectarTask):
    output_name = "out.pkl"


class ZipTask(NectarTask):
    output_name = "out.zip"


class TwoTask(NectarTask):
    folder = luigi.Parameter()

    def output(self):
        names = ["a.json", "b.csv"]
        return {name: luigi.LocalTarget(f"{self.folder}/{name}") for name in names}


class FrameTask(NectarTask):
    output_name = "out.parquet"
    library = luigi.Parameter()

    def run(self):
        module = __import__(self.library)
        self.save(module.DataFrame({"n": range(100_000)}))
        self.log.info("sum %s", self.load(frames=self.library)["n"].sum())


class LogTask(NectarTask):
    name = luigi.Parameter(default="x")

    def run(self):
        self.log.debug("not this")
        self.log.info("begins with %s", self.name)
        print("printed")
        self.log.warning("ends")
        self.save(self.name)


class TrackTask(NectarTask):
    n = luigi.IntParameter(default=40)

    def run(self):
        self.save(str(sum(self.track(range(self.n)))))
"""
