"""How a run's process ends, and what a chain finds around it when it begins."""

from __future__ import annotations

import atexit
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from datanectar.errors import ChainError
from datanectar.messages import DescribeJob, Outcome
from datanectar.statuses import DONE, FAILED
from tests.servers.bench import LIMIT, Bench, lines_of
from tests.servers.stack import Stack

BYE = "luigi/bye_chain"


@pytest.mark.parametrize("fail", [False, True])
def test_a_runs_process_ends_as_a_python_process_does(
    bench: Bench, tmp_path: Path, fail: bool
) -> None:
    """Fault 1.11: threads are joined, handlers run, what they say is heard; failed or not."""
    ran = bench.run(f"{BYE}/ByeTask", place=str(tmp_path), fail=fail)

    assert ran.outcome is not None
    assert ran.outcome.status == (FAILED if fail else DONE)
    assert ran.end == "exit code 0"
    assert (tmp_path / "bye").read_text() == "bye"
    assert lines_of(tmp_path / "late") == ["late", "late"]
    assert not Path((tmp_path / "kept").read_text()).exists()
    said = bench.log(ran.key).splitlines()
    assert "handlers are heard" in said
    assert "buffered words" in said


@pytest.mark.parametrize("how", ["handler", "thread", "exit", "error"])
def test_what_hangs_or_fails_at_the_end_changes_nothing(
    make_stack: Callable[..., Stack], how: str
) -> None:
    """Fault 1.11: the end is told before, and the process has so long as the grace."""
    stack = make_stack(DATANECTAR_GRACE="0.5", DATANECTAR_WORKERS="1").start()

    for _ in range(2):
        assert stack.run(f"{BYE}/HangTask", how=how)["job_status"] == "DONE"
        stack.get(f"/api/chains/{BYE}")
    answer = stack.post(f"{BYE}/ByeTask", json={"place": str(stack.project)})

    assert stack.ended(answer.json()["data"]["key"])["job_status"] == "DONE"


def test_handlers_of_the_process_that_was_forked_are_not_the_forks(tmp_path: Path) -> None:
    """Fault 1.11."""
    script = """
import atexit, os, sys, tempfile, weakref
from datanectar.child.exit import end_like_python, forget_inherited_handlers

atexit.register(print, "handler", os.getpid())
kept = tempfile.TemporaryDirectory()
if os.fork() == 0:
    forget_inherited_handlers()
    atexit.register(print, "own handler")
    own = tempfile.TemporaryDirectory()
    end_like_python()
    print(os.path.exists(kept.name), os.path.exists(own.name), flush=True)
    os._exit(0)
os.wait()
"""
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, timeout=60
    )

    assert done.stderr == ""
    own, there, handler = done.stdout.splitlines()
    assert (own, there) == ("own handler", "True False")
    assert handler.startswith("handler ")


PLACE = """
import os, sys
import luigi
from datanectar import NectarTask

AT_IMPORT = list(sys.argv)

class Spot(luigi.Config):
    x = luigi.Parameter(default="none")

class PlaceTask(NectarTask):
    n = luigi.IntParameter()
    default = luigi.Parameter(default=luigi.configuration.get_config().get("spot", "x", "none"))

    def run(self):
        x = luigi.configuration.get_config().get("spot", "x", "none")
        with self.output().open("w") as out:
            out.write("|".join([os.getcwd(), str(sys.argv), str(AT_IMPORT), str(x)]))
"""


@pytest.mark.parametrize("parser", ["cfg", "toml"])
def test_a_chain_finds_its_own_command_line_folder_and_configuration(
    make_bench: Callable[..., Bench], parser: str
) -> None:
    """Fault 1.14: edits of Luigi's configuration count from the next run and listing on."""
    if parser == "toml":
        pytest.importorskip("toml")
    bench = make_bench(LUIGI_CONFIG_PARSER=parser)
    bench.stack.chain("made/place_chain", PLACE)
    bench.start()
    code = bench.settings.code
    contents = {"none": None, "1": '[spot]\nx="1"\n', "gone": "[other]\ny=1\n"}
    if parser == "cfg":
        contents["1"] = "[spot]\nx=1\n"

    for n, (expected, content) in enumerate(contents.items()):
        if content is not None:
            (code / f"luigi.{parser}").write_text(content)
        ran = bench.run("made/place_chain/PlaceTask", n=n)

        assert ran.outcome == Outcome(DONE), ran.outcome
        argv = str([str(code / "chains" / "made" / "place_chain.py")])
        value = expected.replace("gone", "none")
        assert bench.file(ran.key).read_text() == "|".join([str(code), argv, argv, value])
        job = DescribeJob("made", "place_chain")
        chain = bench.children.ask(job, timeout=LIMIT, subject="place")
        defaults = {p.name: p.default for p in chain.tasks[0].parameters}
        assert defaults["default"] == value


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("luigi.run()", "calls luigi.run() when it is imported"),
        ("luigi.run(['ATask', '--local-scheduler'])", "calls luigi.run() when it is imported"),
        ("luigi.run(main_task_cls=ATask, local_scheduler=True)", "calls luigi.run() when"),
        ("luigi.build([ATask()], local_scheduler=True)", "calls luigi.build() when it is imported"),
        ("import argparse; p = argparse.ArgumentParser(); p.add_argument('x'); p.parse_args()",
         "below `if __name__ == '__main__':`"),
    ],
)  # fmt: skip
def test_a_file_that_takes_itself_for_a_script_says_so(bench: Bench, line: str, words: str) -> None:
    """Fault 1.14."""
    source = f"import luigi\nclass ATask(luigi.Task):\n    pass\n{line}\n"
    bench.stack.chain("made/script_chain", source)

    job = DescribeJob("made", "script_chain")
    chain = bench.children.ask(job, timeout=LIMIT, subject="script")

    assert words in str(chain.error)
    assert "script_chain.py, line 4" in str(chain.error)
    with pytest.raises(ChainError):
        bench.resolve("made/script_chain/ATask")


def test_the_tests_own_handlers_are_untouched() -> None:
    assert atexit._ncallbacks() > 0
