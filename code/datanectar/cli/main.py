"""The command line: starts the parts, and talks to a running app."""

from __future__ import annotations

import dataclasses
import difflib
import logging
import os
import re
import sys
from collections.abc import Callable, Sequence
from typing import Any

import click

from datanectar import settings as settings_module
from datanectar.cli.terminal import echo
from datanectar.errors import DatanectarError, StartupError
from datanectar.optional_imports import left_out, other_drivers
from datanectar.permissions import private_folder
from datanectar.settings import Settings

#: Exit codes: what was asked for failed; the command could not be carried out at all.
EXIT_FAILED, EXIT_CANNOT = 1, 2


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line; an error of ours is one line, not a traceback."""
    try:
        cli.main(args=list(arguments) if arguments is not None else None, standalone_mode=False)
    except DatanectarError as problem:
        echo(f"datanectar: {problem.message}", err=True)
        sys.exit(EXIT_CANNOT)
    except click.ClickException as problem:
        problem.show()
        sys.exit(EXIT_CANNOT)
    except (click.Abort, KeyboardInterrupt):
        sys.exit(130)


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
def cli() -> None:
    """Luigi task chains as a service."""


@cli.command()
@click.option("--luigid/--no-luigid", "with_luigid", default=True, help="Start luigid too.")
def up(with_luigid: bool) -> None:
    """Start luigid, the web and a worker, all under one Ctrl-C."""
    from datanectar.cli.supervisor import Supervisor
    from datanectar.forkserver.process_control import set_title

    settings = _prepared()
    set_title("datanectar: up")
    _check_doors(settings)
    Supervisor(settings, click.echo, with_luigid=with_luigid).run()


@cli.command()
def web() -> None:
    """Serve the HTTP API and the pages."""
    settings = _beside_up(_prepared())
    if not _die_with_supervisor():  # which has looked; gunicorn itself tries for seconds
        from datanectar.cli.supervisor import check_port

        _check_doors(settings)
        check_port(settings.host, settings.port, "DATANECTAR_PORT")
    from datanectar.forkserver.process_control import set_title

    set_title("datanectar: web")
    from datanectar.web.server import serve

    serve(settings)


@cli.command()
def worker() -> None:
    """Take runs from the queue and have them done."""
    settings = _beside_up(_prepared())
    _die_with_supervisor()
    with left_out(*other_drivers(settings.queue_url)):
        from datanectar.queue import RunQueue
    from datanectar.child_pool import ChildPool
    from datanectar.forkserver.process_control import set_title
    from datanectar.luigid.client import Luigid
    from datanectar.messages import RunJob
    from datanectar.runs.store import RunStore
    from datanectar.service.service import Service
    from datanectar.worker.worker import Worker

    set_title("datanectar: worker")
    _log_to_stderr()
    service = Service(
        settings,
        store=RunStore(settings.database_url),
        queue=RunQueue(settings.queue_url),
        children=ChildPool(settings, ahead=settings.workers, role=RunJob),
        luigid=Luigid(settings.luigid_url, settings.state),
    )
    Worker(service).run()


_url = click.option(
    "--url",
    default=lambda: settings_module.load().app_url,
    envvar="DATANECTAR_URL",
    help="Where the app is.",
    show_default="the address of this folder's project",
    show_envvar=True,
)
_token = click.option(
    "--token",
    envvar="DATANECTAR_TOKEN",
    help="An API token; better given by the variable: every user of the machine can read a command's words.",
    show_envvar=True,
)


@cli.command()
@click.argument("type", required=False)
@_url
@_token
def chains(type: str | None, url: str, token: str | None) -> None:
    """List the chains that a running app serves, or those of one TYPE.

    A task has a line with its parameters, and an indented one that says what it does; through a
    pipe both are one line, with tabs between.
    """
    from datanectar.client import Client

    listed = [one for one in Client(url, token).chains() if type in (None, one["type"])]
    if type is not None and not listed:
        raise click.UsageError(f"There is no chain of type {type!r}.")
    for chain in listed:
        place = f"{chain['type']}/{chain['name']}"
        if chain["error"]:
            _list(place, "", chain["error"])
        for task in chain["tasks"]:
            parameters = " ".join(_parameter(item) for item in task["parameters"])
            words = task["error"] or task["doc"].partition("\n")[0]
            _list(f"{place}/{task['name']}", parameters, words)
        for left in chain["left_out"]:
            _list(place, "", f"no route for {left['name']}: {left['reason']}")


def _list(name: str, parameters: str, words: str) -> None:
    if sys.stdout.isatty():
        echo(f"{name}  {parameters}".rstrip())
        echo(f"    {words}")
    else:
        echo(f"{name}\t{parameters}\t{words}")


@cli.command()
@click.argument("path", metavar="TYPE/CHAIN/TASK")
@click.argument("parameters", nargs=-1, metavar="[NAME=VALUE]...")
@_url
@_token
def run(path: str, parameters: tuple[str, ...], url: str, token: str | None) -> None:
    """Run a task on a running app, follow its log, and end as it ends (exit code 0 or 1).

    The result's address goes to standard output, everything else to standard error.
    """
    from datanectar.cli.progress import addresses, ending, follow
    from datanectar.client import Client, status_key

    if not (len(path.split("/")) in (2, 3) and all(path.split("/"))):
        raise click.UsageError(f"{path!r}: a task is named TYPE/CHAIN/TASK or TYPE/TASK.")
    client = Client(url, token)
    accepted = client.post(path, **_given(parameters))
    key = status_key(accepted)
    try:
        status = follow(client, key, lambda text: echo(text, err=True, nl=False))
    except KeyboardInterrupt:
        if accepted["run_id"]:
            stop = f"DELETE {client.url}/api/runs/{accepted['run_id']}"
            click.echo(f"\nThe run goes on. To stop it: curl -X {stop}", err=True)
        raise
    for line in ending(client, status):
        echo(line, err=True)
    for address in addresses(status):
        echo(address)
    sys.exit(0 if status["job_status"] == "DONE" else EXIT_FAILED)


@cli.command()
def settings() -> None:
    """List every setting: its names, default, what it is for, and its value in force with its source."""
    in_force, sources = settings_module.load_with_sources()
    spelt = in_force.environ()
    for variable, default, help in settings_module.rows():
        name = settings_module.field_of(variable)
        value = _masked(variable, spelt[variable]) or "none"
        click.echo(f"{variable}\n    {help}\n    default: {default or 'none'}")
        echo(f"    in force: {value}\n    from: {sources[name]}")


def _masked(variable: str, value: str) -> str:
    """Return a setting's value without what is nobody's business: tokens, passwords in URLs."""
    if variable == "DATANECTAR_TOKENS":
        return " ".join("***" for _ in value.split())
    value = re.sub(r"(://[^/@]*?):.*@", r"\1:***@", value)
    return re.sub(r"(?i)(password=)[^&]*", r"\1***", value)


def _warn_of_strangers() -> None:
    """Name the variables that look like settings and are none: a typo sets nothing."""
    known = {variable for variable, _, _ in settings_module.rows()}
    known |= settings_module.OTHER_VARIABLES
    for name in sorted(os.environ):
        if name.startswith("DATANECTAR_") and name not in known:
            near = difflib.get_close_matches(name, known, 1)
            hint = f"; did you mean {near[0]}?" if near else "."
            click.echo(f"datanectar: {name} is no setting{hint}", err=True)


def _given(parameters: tuple[str, ...]) -> dict[str, str]:
    given: dict[str, str] = {}
    for text in parameters:
        name, separator, value = text.partition("=")
        if not separator:
            raise click.UsageError(f"{text!r}: parameters read name=value.")
        if name in given:
            raise click.UsageError(f"{name} is given more than once.")
        given[name] = value
    return given


def _parameter(item: dict[str, Any]) -> str:
    if item["private"]:
        return f"{item['name']}=(private)"
    if item["required"]:
        return f"{item['name']}=?"
    return f"{item['name']}={item['default']}"


def _prepared() -> Settings:
    """Return the settings, once the folders, the run store and the result store are ready."""
    from datanectar.forkserver.process_control import hide_memory

    hide_memory()
    settings = settings_module.load()
    settings_module.keep(settings)
    if "DATANECTAR_SUPERVISED" not in os.environ:  # `up` has said it
        _warn_of_strangers()
    if not settings.chains.is_dir():
        raise StartupError(
            f"There is no folder {settings.chains}: start in a project that has code/chains, or "
            "name it with DATANECTAR_PROJECT or DATANECTAR_CHAINS."
        )
    told = private_folder(settings.state)
    if told:
        click.echo(f"datanectar: {told}", err=True)
    _in_a_child(lambda: _prepare_stores(settings))
    return settings


def _beside_up(settings: Settings) -> Settings:
    """Return the settings for a part that was started by hand: with luigid where ``up`` has put it."""
    from datanectar.luigid.launch import published_url

    url = published_url(settings.state)
    if url is not None and not settings_module.is_configured("DATANECTAR_LUIGID_URL"):
        settings = dataclasses.replace(settings, luigid_url=url)
        settings_module.keep(settings)
    return settings


def _check_doors(settings: Settings) -> None:
    """Refuse to start where others could come in."""
    if settings.tokens or not settings.on_loopback:
        from datanectar.http import auth  # brings Flask with it: only where there is need

        auth.check_start(settings)


def _prepare_stores(settings: Settings) -> None:
    from datanectar.runs.store import RunStore
    from datanectar.storage.registry import default_name, storage_named

    RunStore(settings.database_url).prepare()
    storage_named(default_name(settings)).prepare()


def _in_a_child(work: Callable[[], None]) -> None:
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
        sys.exit(EXIT_CANNOT)


def _die_with_supervisor() -> bool:
    """Tie this process to the supervisor that started it; return whether there is one."""
    from datanectar.forkserver.process_control import die_with_parent

    supervisor = os.environ.get("DATANECTAR_SUPERVISED")
    if supervisor is None:
        return False
    die_with_parent()
    if os.getppid() != int(supervisor):  # it died while we started
        sys.exit(EXIT_CANNOT)
    return True


def _log_to_stderr() -> None:
    logging.basicConfig(
        format="%(asctime)s %(levelname)s %(name)s: %(message)s",
        datefmt="%Y-%m-%d %H:%M:%S%z",
        level=logging.INFO,
    )
    logging.getLogger("huey").setLevel(logging.ERROR)
