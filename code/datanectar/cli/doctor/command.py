"""``datanectar doctor``: looks for what is wrong with this machine or this project."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from dataclasses import asdict

import click

from datanectar.cli.doctor.finding import BAD, NOTICE, Finding
from datanectar.cli.exit_codes import FAILED, OK
from datanectar.cli.options import echo_json, json_option
from datanectar.cli.terminal import echo
from datanectar.errors import StartupError
from datanectar.settings import Settings


@click.command()
@json_option
def doctor(as_json: bool) -> None:
    """Look for what is wrong with this machine or this project, and say what to do about it.

    Looks at Python, the settings, folders and their permissions, tokens, ports, luigid, the run
    store and its space, the queue, S3 (bucket, access, clock) and whether every chain can be imported. Changes nothing, but
    for an empty file in the bucket that it deletes again. Exit code 1 when something does not work.
    """
    found = []
    for finding in _findings():
        found.append(finding)
        if not as_json:
            echo(f"{finding.level:<4}  {finding.subject}: {finding.message}")
            if finding.cure:
                echo(f"      {finding.cure}")
    if as_json:
        echo_json([asdict(finding) for finding in found])
    sys.exit(FAILED if any(finding.level == BAD for finding in found) else OK)


def _findings() -> Iterator[Finding]:
    from datanectar import settings as settings_module
    from datanectar.cli.doctor import chains, engine, machine, space, stores

    try:
        settings = settings_module.load()
    except StartupError as problem:
        cure = "`datanectar config --help` says how settings are named; docs/settings.md lists all."
        yield Finding(BAD, "settings", problem.message, cure)
        return
    settings_module.keep(settings)
    checks: tuple[Callable[[Settings], Iterator[Finding]], ...] = (
        machine.check_python,
        _unknown_variables,
        machine.check_folders,
        machine.check_access,
        machine.check_ports,
        machine.check_luigid,
        stores.check_databases,
        space.check_space,
        stores.check_s3,
        engine.check_engine,
        chains.check_preload,
        chains.check_chains,
    )
    for check in checks:
        yield from check(settings)


def _unknown_variables(settings: Settings) -> Iterator[Finding]:
    from datanectar.cli.config import unknown_variables

    for name, hint in unknown_variables(os.environ):
        yield Finding(NOTICE, "settings", f"{name} is no setting{hint}", f"unset {name}")
