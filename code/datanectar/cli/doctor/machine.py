"""Checks of this machine: Python, folders, ports, luigid."""

from __future__ import annotations

import os
import stat
import sys
from collections.abc import Iterator
from pathlib import Path

from datanectar.cli.doctor.finding import BAD, GOOD, NOTICE, Finding
from datanectar.cli.up import prepare
from datanectar.cli.up.ports import answers, is_anothers_app, is_free
from datanectar.errors import SchedulerError, StartupError
from datanectar.luigid import launch
from datanectar.luigid.address import host_and_port
from datanectar.luigid.client import Luigid
from datanectar.settings import Settings

_OLDEST = (3, 10)
_ANOTHER_PORT = "choose another port: `port = 5001` in datanectar.toml, or DATANECTAR_PORT"


def check_python(settings: Settings) -> Iterator[Finding]:
    """Check version and platform."""
    version = ".".join(map(str, sys.version_info[:3]))
    if sys.version_info < _OLDEST:
        yield Finding(BAD, "Python", version, "Install Python 3.10 or newer.")
    elif sys.platform not in ("linux", "darwin"):
        yield Finding(BAD, "Python", f"on {sys.platform}", "Use Linux or macOS, or WSL.")
    else:
        yield Finding(GOOD, "Python", f"{version}, {sys.executable}")


def check_folders(settings: Settings) -> Iterator[Finding]:
    """Check that the folders can be used, and that the state is its owner's alone."""
    if not settings.chains.is_dir():
        yield Finding(
            BAD,
            "project",
            f"there is no folder {settings.chains}",
            "Change to a project's folder, or make one with `datanectar init`.",
        )
    folders = [("state", settings.state)]
    if settings.is_local:
        folders.append(("results", settings.local_targets))
    for subject, folder in folders:
        yield _check_folder(subject, folder)


def _check_folder(subject: str, folder: Path) -> Finding:
    there = next(path for path in (folder, *folder.parents) if path.exists())
    if not (there.is_dir() and os.access(there, os.W_OK | os.X_OK)):
        variable = {"state": "DATANECTAR_STATE", "results": "DATANECTAR_LOCAL_TARGETS"}[subject]
        cure = f"Make {there} a folder that you may write to, or name another with {variable}."
        return Finding(BAD, subject, f"{there} can't be written to", cure)
    found = there.stat()
    if subject == "state" and there == folder:
        if found.st_uid != os.geteuid():
            cure = "Name another folder with DATANECTAR_STATE."
            return Finding(BAD, subject, f"{folder} belongs to uid {found.st_uid}", cure)
        if found.st_mode & (stat.S_IRWXG | stat.S_IRWXO):
            cure = f"chmod 700 '{folder}' (`datanectar up` does it)"
            return Finding(NOTICE, subject, f"{folder} is open to other users", cure)
    made = "" if there == folder else ", made when it is needed"
    return Finding(GOOD, subject, f"{folder}{made}")


def check_access(settings: Settings) -> Iterator[Finding]:
    """Check that the app may start where it is to listen: off loopback it needs tokens."""
    try:
        prepare.check_access(settings)
    except StartupError as problem:
        cure = "`datanectar token` makes one for DATANECTAR_TOKENS; or leave DATANECTAR_HOST out."
        yield Finding(BAD, "access", problem.message, cure)


def check_ports(settings: Settings) -> Iterator[Finding]:
    """Check that the app's port is free, or that an app is on it."""
    where = f"{settings.host}:{settings.port}"
    if answers(f"{settings.app_url}/healthz"):
        yield _check_running(settings)
    elif settings.port == 0 or is_free(settings.host, settings.port):
        yield Finding(GOOD, "app", f"does not run; its port is free ({where})")
    else:
        cure = f"Stop what uses the port, or {_ANOTHER_PORT}."
        yield Finding(BAD, "app", f"does not run, and its port can't be had ({where})", cure)


def _check_running(settings: Settings) -> Finding:
    if not is_anothers_app(settings):
        return Finding(GOOD, "app", f"runs at {settings.app_url}")
    message = f"{settings.app_url} is the app of another project"
    cure = f"To have both up, {_ANOTHER_PORT}."
    return Finding(NOTICE, "app", message, cure)


def check_luigid(settings: Settings) -> Iterator[Finding]:
    """Check that luigid runs, or can be started."""
    url = launch.published_url(settings.state) or settings.luigid_url
    host, port = host_and_port(url)
    try:
        if Luigid(url, settings.state).check():
            yield Finding(GOOD, "luigid", f"runs at {url}")
        elif is_free(host, port):
            yield Finding(GOOD, "luigid", f"does not run; `datanectar up` starts it at {url}")
        else:
            cure = (
                "Stop what uses the port; unless DATANECTAR_LUIGID_URL is set, `up` takes another."
            )
            yield Finding(NOTICE, "luigid", f"does not run, and its port is taken ({url})", cure)
    except SchedulerError as problem:
        cure = "Stop it, or set DATANECTAR_LUIGID_URL to where luigid is."
        yield Finding(BAD, "luigid", problem.message, cure)
