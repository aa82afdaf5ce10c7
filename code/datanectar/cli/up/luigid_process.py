"""The luigid of one ``datanectar up``: the one that runs where the settings say, or one of its own."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Callable
from typing import NoReturn

from datanectar.cli.up.ports import check_port, free_port, is_free
from datanectar.cli.up.process import ManagedProcess
from datanectar.errors import SchedulerError, StartupError
from datanectar.luigid import launch
from datanectar.luigid.access_token import drop_token
from datanectar.luigid.address import host_and_port, url_of
from datanectar.luigid.client import Luigid
from datanectar.settings import Settings, is_configured, is_loopback

_LUIGID_URL = "DATANECTAR_LUIGID_URL"
#: Addresses that one can listen on and not call.
_EVERYWHERE = ("0.0.0.0", "::")  # noqa: S104
#: The environment variables that luigid gets: what Python needs, and no secrets.
_SEEN = ("HOME", "LANG", "LD_LIBRARY_PATH", "PATH", "TMPDIR", "TZ", "USER", "VIRTUAL_ENV")
_SEEN_BEGINNINGS = ("LC_", "PYTHON", "COVERAGE_")
#: Starts luigid so that only its owner can read its log and its state.
_PRIVATELY = 'umask 077; exec "$@" >>"$0" 2>&1'


def place_luigid(settings: Settings, report: Callable[[str], None]) -> tuple[Settings, bool]:
    """Return the settings with luigid's address in force, and whether luigid is to be started there.

    A luigid that runs at an address that was set on purpose is used. Otherwise luigid gets another
    port when its own is taken.

    Raises:
        StartupError: when what runs at that address can't be used, or luigid can't be started there.
    """
    url = settings.luigid_url
    host, port = host_and_port(url)
    on_purpose = is_configured(_LUIGID_URL)
    if on_purpose and _is_usable(url, settings, report):
        return settings, False
    if not is_loopback(host):
        raise StartupError(
            f"{_LUIGID_URL} is {url}, and no luigid answers there. `datanectar up` starts luigid "
            "on loopback only: start one there, or leave the setting out."
        )
    if on_purpose or is_free(host, port):
        check_port(host, port, _LUIGID_URL)
        return settings, True
    url = url_of(host, free_port(host))
    report(f"Port {port} is taken; this project's luigid is at {url}.")
    return dataclasses.replace(settings, luigid_url=url), True


def luigid_process(settings: Settings) -> ManagedProcess:
    """Return the process of this project's luigid, not started yet."""
    log = str(settings.state / "luigid.log")
    command = ["sh", "-c", _PRIVATELY, log, *launch.command(settings)]
    return ManagedProcess("luigid", command, _environ())


def become_luigid(settings: Settings) -> NoReturn:
    """Become this project's luigid, which listens where the settings say.

    Raises:
        StartupError: when that is not on loopback, or its port is taken.
    """
    host, port = host_and_port(settings.luigid_url)
    if not is_loopback(host):
        raise StartupError(
            f"{_LUIGID_URL} is {settings.luigid_url}: this luigid takes changes on loopback only. For "
            "workers of several hosts, start Luigi's own there: luigid --address ... --state-path ..."
        )
    check_port(host, port, _LUIGID_URL)
    command = launch.command(settings)
    os.execve(command[0], command, _environ())  # noqa: S606


def _environ() -> dict[str, str]:
    environ = {name: value for name, value in os.environ.items() if _may_see(name)}
    return {**environ, "LUIGI_CONFIG_PATH": str(launch.CONFIGURATION)}


def is_ready(settings: Settings) -> bool:
    """Tell whether this project's luigid answers and accepts what this project sends."""
    started = Luigid(settings.luigid_url, settings.state)
    return started.is_up() and started.accepts_changes()


def _is_usable(url: str, settings: Settings, report: Callable[[str], None]) -> bool:
    """Tell whether a luigid runs at an address that was set on purpose.

    Raises:
        StartupError: when something else runs there, or the luigid of another project.
    """
    there = Luigid(url, settings.state)
    host, _ = host_and_port(url)
    try:
        if host in _EVERYWHERE or not there.check():
            return False
    except SchedulerError as problem:
        raise StartupError(problem.message) from problem
    if not there.accepts_changes():
        raise StartupError(
            f"luigid at {there.url} is another project's and takes no word without its token: "
            f"leave {_LUIGID_URL} out, and this project starts its own."
        )
    if Luigid(url).accepts_changes():
        drop_token(settings.state)  # it needs none, and is not to see ours
    report(f"luigid runs already at {there.url}; using it.")
    return True


def _may_see(name: str) -> bool:
    return name in _SEEN or name.startswith(_SEEN_BEGINNINGS)
