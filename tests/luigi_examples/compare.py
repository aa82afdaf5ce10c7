"""One chain run by Luigi's own command and by the service, each in a project of its own."""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from tests.luigi_examples import luigi_command
from tests.servers.processes import PATIENCE, wait_for
from tests.servers.stack import Stack

HERE = Path(__file__).parent
#: Where the chains write, in ``code/``; a database there is no evidence, it holds times.
MADE = "made"

DONE, FAILED = "DONE", "FAILED"


@dataclass(frozen=True)
class Case:
    """A root to run, and what Luigi is known to make of it."""

    chain: str
    task: str
    #: How many times the tasks' ``run`` is called in all.
    runs: int
    parameters: Mapping[str, str] = field(default_factory=dict)
    verdict: str = DONE
    #: How often it is asked for.
    times: int = 1
    #: Files that are there before, by their path below ``made/``.
    files: Mapping[str, str] = field(default_factory=dict)
    #: More for Luigi's command line: what the service has by itself.
    options: tuple[str, ...] = ()
    #: What Luigi calls the task, where that is not the class's name.
    family: str = ""

    def __str__(self) -> str:
        return "-".join([self.chain, self.task, *self.parameters.values()][:3])


@dataclass(frozen=True)
class Facts:
    """What can be compared: how each time ended, which tasks ran, and the files they left."""

    verdicts: list[str]
    ran: list[str]
    files: dict[str, bytes]


def lay_out(project: Path) -> None:
    """Copy the examples and their ``luigi.cfg`` into a project."""
    shutil.copytree(HERE / "chains", project / "code" / "chains", dirs_exist_ok=True)
    shutil.copy(HERE / "luigi.cfg", project / "code" / "luigi.cfg")


def prepare(project: Path, case: Case) -> None:
    """Have a project's ``made/`` hold what the case starts from, and nothing else."""
    shutil.rmtree(project / "code" / MADE, ignore_errors=True)
    for name, text in case.files.items():
        file = project / "code" / MADE / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)


def by_luigi(project: Path, case: Case) -> Facts:
    """Run a case by Luigi's own command."""
    prepare(project, case)
    verdicts = [_luigi(project, case) for _ in range(case.times)]
    return facts(project, verdicts)


def by_service(stack: Stack, case: Case, expected: Facts) -> Facts:
    """Run a case by POSTs, and return the facts once they are the expected ones, or stay others."""
    prepare(stack.project, case)
    path = f"examples/{case.chain}_chain/{case.task}"
    verdicts = [str(stack.run(path, **case.parameters)["job_status"]) for _ in range(case.times)]
    found = facts(stack.project, verdicts)
    if (found.verdicts, found.ran) == (expected.verdicts, expected.ran):
        # What a process leaves at its very end comes after its run has.
        with contextlib.suppress(AssertionError):
            wait_for(lambda: facts(stack.project, verdicts) == expected, "the same files", 5)
    return facts(stack.project, verdicts)


def facts(project: Path, verdicts: list[str]) -> Facts:
    """Read what a project's tasks have left."""
    folder = project / "code" / MADE
    files = {
        str(file.relative_to(folder)): file.read_bytes()
        for file in sorted(folder.rglob("*"))
        if file.is_file() and file.suffix != ".db"
    }
    ran = [
        line for name, content in files.items() if _is_evidence(name) for line in _lines(content)
    ]
    others = {name: content for name, content in files.items() if not _is_evidence(name)}
    return Facts(verdicts, sorted(ran), others)


def _is_evidence(name: str) -> bool:
    return name.endswith("/ran")


def _lines(content: bytes) -> list[str]:
    return content.decode().splitlines()


def _luigi(project: Path, case: Case) -> str:
    """Return the verdict of Luigi's command, by its exit code: ``luigi.cfg`` has them set."""
    options = [
        word for name, value in case.parameters.items() for word in (f"--{_dashed(name)}", value)
    ]
    words = ["--module", f"chains.examples.{case.chain}_chain", case.family or case.task]
    environ = {"PATH": os.environ["PATH"], "HOME": str(project), "PYTHONPATH": "."}
    code = luigi_command.run(
        [*words, "--local-scheduler", *options, *case.options], project / "code", environ, PATIENCE
    )
    assert code in (0, 20, 25, 30, 35), (project / "luigi.out").read_text()[-3000:]
    return FAILED if code else DONE


def _dashed(name: str) -> str:
    return name.replace("_", "-")
