"""Chains of three types that feed each other, and what a run of them has made."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.servers.stack import Stack

SOURCES = """
import luigi
from datanectar import NectarTask, external
from lineage_library import UnkeyedStep

class RawTask(NectarTask):
    day = luigi.Parameter()
    file = external("a_folder_whose_name_alone_is_longer_than_sixty_characters_/raw_{day}.csv")
    def run(self):
        self.save(self.file.open().read() + "raw ")

class CleanTask(NectarTask):
    day = luigi.Parameter()
    def requires(self):
        return RawTask(day=self.day)
    def run(self):
        self.save("clean")
"""
#: A task of a library has no key: it is in no chain.
LIBRARY = """
import luigi
class UnkeyedStep(luigi.Task):
    task = luigi.TaskParameter()
    parameter = luigi.Parameter()
    def requires(self):
        return self.task(day=self.parameter)
    def run(self):
        self.has_run = True
    def complete(self):
        return getattr(self, "has_run", False)
"""
MIDDLE = """
import os, time
import luigi
from datanectar import NectarTask
from lineage_library import UnkeyedStep
from chains.sources.sources_chain import CleanTask

class PricesTask(NectarTask):
    day = luigi.Parameter()
    def requires(self):
        return UnkeyedStep(task=CleanTask, parameter=self.day)
    def run(self):
        self.save("prices")

class LaterTask(NectarTask):
    day = luigi.Parameter()
    gate = luigi.Parameter(significant=False, default="")
    def requires(self):
        return CleanTask(day=self.day)
    def run(self):
        while self.gate and not os.path.exists(self.gate):
            time.sleep(0.05)
        self.save("later")
"""
REPORTS = """
import luigi
from datanectar import NectarTask
from chains.middle.middle_chain import PricesTask

class ReportTask(NectarTask):
    day = luigi.Parameter()
    def run(self):
        yield PricesTask(day=self.day)
        self.save("report")
"""


@pytest.fixture(scope="module")
def chains(stack: Stack) -> Iterator[Stack]:
    """The stack with those chains."""
    folder = stack.project / "a_folder_whose_name_alone_is_longer_than_sixty_characters_"
    folder.mkdir()
    for day in ("mon", "tue", "wed", "thu", "fri"):
        (folder / f"raw_{day}.csv").write_text(f"{day}\n")
    (stack.project / "code" / "lineage_library.py").write_text(LIBRARY)
    stack.chain("sources/sources_chain", SOURCES)
    stack.chain("middle/middle_chain", MIDDLE)
    stack.chain("reports/reports_chain", REPORTS)
    yield stack
