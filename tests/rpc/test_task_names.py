"""Within a process tasks have Luigi's names; luigid gets names that tell which chain they are of."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from datanectar.errors import ChainError
from datanectar.statuses import DONE
from tests.servers.bench import Bench, Ran
from tests.servers.processes import wait_for

CONF = """
import luigi

class Mail(luigi.Config):
    host = luigi.Parameter()
    port = luigi.IntParameter(default=25)

class SendTask(luigi.Task):
    colour = luigi.Parameter()
    folder = luigi.Parameter(significant=False)
    def output(self):
        return luigi.LocalTarget(f"{self.folder}/sent-{self.colour}.txt")
    def run(self):
        with self.output().open("w") as out:
            out.write(f"{Mail().host}:{Mail().port}")
"""

ONCE = """
import luigi

class LoadTask(luigi.Task):
    folder = luigi.Parameter()
    def output(self):
        return luigi.LocalTarget(f"{self.folder}/{self.task_id}.loaded")
    def run(self):
        self.output().open("w").close()

class OwnTask(LoadTask):
    task_namespace = "mine"
"""

#: Needs, and yields, another chain's task of the same name and parameters as its own.
TWIN = """
import luigi
from chains.names import {other}_chain as other
from datanectar import NectarTask

class SameTask(NectarTask):
    name = luigi.Parameter()
    {needs}
    def run(self):
        {gets}
        with inner.open() as given, self.output().open("w") as out:
            out.write(f"{other} within {{given.read()}}")
"""
PLAIN_TWIN = """
import luigi
from datanectar import NectarTask

class SameTask(NectarTask):
    name = luigi.Parameter()
    def run(self):
        with self.output().open("w") as out:
            out.write("the other")
"""


def done(ran: Ran) -> Ran:
    assert ran.outcome is not None
    assert ran.outcome.status == DONE, ran.outcome
    return ran


def test_sections_of_luigi_cfg_go_by_the_names_of_classes(
    make_bench: Callable[..., Bench], tmp_path: Path
) -> None:
    """fault 1.5"""
    bench = make_bench()
    bench.stack.chain("f/conf_chain", CONF)
    section = f"[Mail]\nhost=smtp.example\n\n[SendTask]\ncolour=green\nfolder={tmp_path}\n"
    (bench.settings.code / "luigi.cfg").write_text(section)
    bench.start()

    done(bench.run("f/conf_chain/SendTask"))
    done(bench.run("f/conf_chain/SendTask", colour="red"))

    assert (tmp_path / "sent-green.txt").read_text() == "smtp.example:25"
    assert (tmp_path / "sent-red.txt").read_text() == "smtp.example:25"

    section = section.replace("green", "blue") + "\n[core]\nx=1\n"
    (bench.settings.code / "luigi.cfg").write_text(section.replace("example", "elsewhere"))
    wait_for(lambda: _sent(bench) == "blue", "an edit counts")
    done(bench.run("f/conf_chain/SendTask"))
    assert (tmp_path / "sent-blue.txt").read_text() == "smtp.elsewhere:25"
    (bench.settings.code / "luigi.cfg").write_text("no section\n")
    with pytest.raises(ChainError, match="Luigi's configuration can't be read"):
        bench.resolve("f/conf_chain/SendTask")


def _sent(bench: Bench) -> str:
    return bench.resolve("f/conf_chain/SendTask").params["colour"]


def test_a_task_has_the_id_that_luigis_command_gives_it(bench: Bench, tmp_path: Path) -> None:
    """fault 1.12"""
    bench.stack.chain("f/once_chain", ONCE)
    for task in ("LoadTask", "mine.OwnTask"):
        module = ["--module", "chains.f.once_chain", task, "--folder", str(tmp_path)]
        subprocess.run(
            [sys.executable, "-m", "luigi", "--local-scheduler", *module],
            cwd=bench.settings.code,
            env={"PYTHONPATH": str(bench.settings.code), "PATH": ""},
            check=True,
            capture_output=True,
        )
    loaded = sorted(file.name for file in tmp_path.iterdir())

    for task in ("LoadTask", "OwnTask"):
        done(bench.run(f"f/once_chain/{task}", folder=str(tmp_path)))

    assert sorted(file.name for file in tmp_path.iterdir()) == loaded
    assert len(loaded) == 2


def test_luigid_knows_of_which_chain_a_task_is(bench: Bench) -> None:
    done(bench.run("luigi/borrow_chain/BorrowTask", name="named"))

    known = bench.stack.luigid.call("task_list", status="DONE", upstream_status="")

    families = {task["name"] for name, task in known.items() if "named" in name}
    assert families == {"luigi.borrow_chain.BorrowTask", "luigi.twin_a_chain.SameTask"}
    (root,) = (name for name in known if "BorrowTask_named" in name)
    graph = bench.stack.luigid.call("dep_graph", task_id=root)
    assert graph[root]["deps"] == [name for name in known if "SameTask_named" in name]


def test_a_chain_may_need_a_task_of_another_with_the_name_and_parameters_of_its_own(
    bench: Bench,
) -> None:
    needs = "def requires(self): return other.SameTask(name=self.name)"
    bench.stack.chain("names/plain_chain", PLAIN_TWIN)
    bench.stack.chain(
        "names/needs_chain", TWIN.format(other="plain", needs=needs, gets="inner = self.input()")
    )

    ran = done(bench.run("names/needs_chain/SameTask", name="n"))

    assert bench.file(ran.key).read_text() == "plain within the other"
    assert {report.key for report in ran.reports if report.key} == {
        ran.key,
        bench.resolve("names/plain_chain/SameTask", name="n").key,
    }


def test_a_chain_may_yield_a_task_of_another_with_the_name_and_parameters_of_its_own(
    bench: Bench,
) -> None:
    bench.stack.chain("names/plain_chain", PLAIN_TWIN)
    gets = "inner = yield other.SameTask(name=self.name)"
    bench.stack.chain(
        "names/yields_chain", TWIN.format(other="plain", needs="workers = 2", gets=gets)
    )

    ran = done(bench.run("names/yields_chain/SameTask", name="dynamic"))

    assert bench.file(ran.key).read_text() == "plain within the other"
