"""What ``up``, ``web`` and ``worker`` do before they start: settings, folders, stores, checks."""

from __future__ import annotations

import dataclasses
import logging
import os
import sys
from collections.abc import Callable

import click

from datanectar import settings as settings_module
from datanectar.cli.config import unknown_variables
from datanectar.cli.exit_codes import CANNOT
from datanectar.errors import DatanectarError, StartupError
from datanectar.forkserver.process_control import die_with_parent, hide_memory
from datanectar.permissions import private_folder
from datanectar.settings import Settings
from datanectar.telemetry import logs


def prepared_settings() -> Settings:
    """Return the settings, once the folders, the run store and the result store are ready.

    Raises:
        StartupError: when the project has no chains, or a folder or a setting can't be used.
    """
    hide_memory()
    settings = settings_module.load()
    settings_module.keep(settings)
    if not is_supervised():  # `up` has done it; a typo sets nothing
        for name, hint in unknown_variables(os.environ):
            _notice(settings, f"{name} is no setting{hint}")
    if not settings.chains.is_dir():
        raise StartupError(
            f"There is no folder {settings.chains}: start in a project that has code/chains, "
            "name it with DATANECTAR_PROJECT or DATANECTAR_CHAINS, or make one with `datanectar init`."
        )
    notice = private_folder(settings.state)
    if notice:
        _notice(settings, notice)
    _in_a_fork(lambda: _prepare_stores(settings))
    return settings


def with_luigid_of_up(settings: Settings) -> Settings:
    """Return the settings for a process started by hand: with luigid where ``up`` has started it."""
    from datanectar.luigid.launch import published_url

    url = published_url(settings.state)
    if url is not None and not settings_module.is_configured("DATANECTAR_LUIGID_URL"):
        settings = dataclasses.replace(settings, luigid_url=url)
        settings_module.keep(settings)
    return settings


def check_access(settings: Settings) -> None:
    """Refuse to start where others could reach the app without a token.

    Raises:
        StartupError: naming the setting.
    """
    if settings.tokens or not settings.on_loopback:
        from datanectar.access.accounts import Accounts
        from datanectar.runs.store import RunStore

        store = RunStore(settings.database_url)
        store.prepare()
        Accounts(settings, store.database).check_start()
        store.close()


def is_supervised() -> bool:
    """Tell whether ``datanectar up`` started this process."""
    return "DATANECTAR_SUPERVISED" in os.environ


def end_with_supervisor() -> None:
    """Have this process end when the ``datanectar up`` that started it does; nothing without one."""
    if not is_supervised():
        return
    die_with_parent()
    if os.getppid() != int(os.environ["DATANECTAR_SUPERVISED"]):  # it died while we started
        sys.exit(CANNOT)


def _notice(settings: Settings, line: str) -> None:
    """Tell the user of something that is odd and no error."""
    if settings.log_format == logs.JSON:
        logs.set_up("start", logs.JSON)
        logging.getLogger(__name__).warning(line)
    else:
        click.echo(f"datanectar: {line}", err=True)


def _prepare_stores(settings: Settings) -> None:
    from datanectar.runs.store import RunStore
    from datanectar.storage.registry import default_name, storage_named

    RunStore(settings.database_url).prepare()
    storage_named(default_name(settings)).prepare()


def _in_a_fork(work: Callable[[], None]) -> None:
    """Do ``work`` in a fork, so that neither its memory nor its connections stay with us."""
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            work()
            code = 0
        except DatanectarError as problem:
            click.echo(f"datanectar: {problem.message}", err=True)
        except Exception:
            logging.getLogger(__name__).exception("preparing the stores")
        finally:
            sys.stderr.flush()
            os._exit(code)
    if os.waitpid(pid, 0)[1] != 0:
        sys.exit(CANNOT)
