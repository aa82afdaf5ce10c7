"""The check whether every chain can be imported, each in a process that may die or hang."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator

from datanectar.catalog.files import find_chains
from datanectar.cli.child_process import child_command
from datanectar.cli.doctor.finding import BAD, GOOD, Finding
from datanectar.settings import Settings

_MISSING = re.compile(r"ModuleNotFoundError: No module named '([^']+)'")


def check_preload(settings: Settings) -> Iterator[Finding]:
    """Check that the modules can be imported that every run finds imported."""
    for name in settings.preload:
        _, environ = child_command(settings, "")
        code = "import importlib, sys; importlib.import_module(sys.argv[1])"
        done = subprocess.run(
            [sys.executable, "-c", code, name],
            env=environ,
            cwd=settings.code,
            capture_output=True,
            text=True,
            errors="replace",
        )
        if done.returncode:
            reason = (done.stderr.strip().splitlines() or [f"exit code {done.returncode}"])[-1]
            cure = f"Install it into {sys.prefix}, or take it out of preload (DATANECTAR_PRELOAD)."
            yield Finding(BAD, f"preload {name}", reason, cure)


def check_chains(settings: Settings) -> Iterator[Finding]:
    """Import every chain; what can't be served is a finding of its own."""
    files = find_chains(settings.chains)
    places = [f"{file.type}/{file.name}" for file in files if not file.problem]
    problems = {f"{file.type}/{file.name}": file.problem for file in files if file.problem}
    while places:
        errors, culprit = _import(settings, places)
        problems |= errors
        if culprit is None:
            break
        problems[culprit[0]] = culprit[1]
        places = places[places.index(culprit[0]) + 1 :]
    for place, problem in sorted(problems.items()):
        yield Finding(BAD, place, problem, _cure(settings, place, problem))
    good = len(files) - len(problems)
    yield Finding(GOOD, "chains", f"{good} of {len(files)} can be imported")


def _cure(settings: Settings, place: str, problem: str) -> str:
    file = settings.chains / f"{place}.py"
    missing = _MISSING.search(problem)
    if missing:
        return f"Install what has the module {missing[1]!r} into {sys.prefix}, or mend {file}."
    return f"Mend {file}; this command tells whether it can be imported then."


def _import(settings: Settings, places: list[str]) -> tuple[dict[str, str], tuple[str, str] | None]:
    """Import chains one after another in one process.

    Returns:
        The errors by chain, and the chain with which the process came to an end, with how.
    """
    command, environ = child_command(settings, "datanectar.local_run.imports", *places)
    limit = settings.import_timeout * (1 + len(places) / 4)
    why = f"importing it takes longer than {settings.import_timeout:g} s"
    try:
        done = subprocess.run(
            command,
            env=environ,
            cwd=settings.code,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            timeout=limit,
        )
        output, why = done.stdout, f"importing it ends the process (exit code {done.returncode})"
    except subprocess.TimeoutExpired as problem:
        output = problem.stdout or b""
    lines = [json.loads(line) for line in output.splitlines()]
    errors = {place: error for place, error in lines if error}
    if len(lines) == len(places):
        return errors, None
    return errors, (places[len(lines)], why)
