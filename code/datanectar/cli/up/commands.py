"""``datanectar up``, ``web``, ``worker`` and ``luigid``: the processes of the service."""

from __future__ import annotations

import logging
from collections.abc import Callable

import click

from datanectar.cli.up.prepare import (
    check_access,
    end_with_supervisor,
    is_supervised,
    prepared_settings,
    with_luigid_of_up,
)
from datanectar.forkserver.process_control import set_title
from datanectar.optional_imports import left_out, other_drivers
from datanectar.settings import Settings
from datanectar.telemetry import logs, traces


@click.command()
@click.option("--luigid/--no-luigid", "with_luigid", default=True, help="Start luigid too.")
def up(with_luigid: bool) -> None:
    """Start luigid, the web and a worker, all under one Ctrl-C.

    The addresses go to standard output once the app answers; everything else to standard error.
    """
    from datanectar.cli.up.supervisor import Supervisor

    settings = prepared_settings()
    set_title("datanectar: up")
    check_access(settings)
    Supervisor(settings, _reporter(settings), with_luigid=with_luigid).run()


@click.command()
def web() -> None:
    """Serve the HTTP API and the pages."""
    settings = with_luigid_of_up(prepared_settings())
    end_with_supervisor()
    if not is_supervised():  # `up` has checked; gunicorn itself would try for seconds
        from datanectar.cli.up.ports import check_port

        check_access(settings)
        check_port(settings.host, settings.port, "DATANECTAR_PORT")
    set_title("datanectar: web")  # before gunicorn imports setproctitle in its own way
    logs.set_up("web", settings.log_format)
    from datanectar.web.server import serve

    serve(settings)


@click.command()
@click.option("--drain", is_flag=True, help="Start none: have those that work end, and wait.")
@click.argument("names", nargs=-1)
def worker(drain: bool, names: tuple[str, ...]) -> None:
    """Take runs from the queue and run them.

    With --drain: tell the workers of this host, or those that NAMES are the hosts or ids of, to take
    no more runs and to end when those that they have have ended; return when they have.
    """
    if drain:
        from datanectar.cli.operations.drain import drain_workers

        drain_workers(names)
    elif names:
        raise click.UsageError(f"{' '.join(names)}: names go with --drain; this starts a worker.")
    else:
        _work()


def _work() -> None:
    settings = with_luigid_of_up(prepared_settings())
    end_with_supervisor()
    with left_out(*other_drivers(settings.queue_url)):
        from datanectar.queue import RunQueue
    from datanectar.child_pool import ChildPool
    from datanectar.luigid.client import Luigid
    from datanectar.messages import RunJob
    from datanectar.runs.store import RunStore
    from datanectar.service.service import Service
    from datanectar.worker.worker import Worker

    set_title("datanectar: worker")
    logs.set_up("worker", settings.log_format)
    logging.getLogger("huey").setLevel(logging.ERROR)
    service = Service(
        settings,
        store=RunStore(settings.database_url),
        queue=RunQueue(settings.queue_url),
        children=ChildPool(settings, ahead=settings.workers, role=RunJob),
        luigid=Luigid(settings.luigid_url, settings.state),
    )
    traces.set_up("worker")
    Worker(service).run()
    traces.close()


@click.command()
def luigid() -> None:
    """Serve luigid, Luigi's scheduler, alone: where `web` and `worker` are started by hand, too.

    It listens at DATANECTAR_LUIGID_URL, on loopback only, and keeps its state in the state folder.
    """
    from datanectar.cli.up.luigid_process import become_luigid

    become_luigid(prepared_settings())


def _reporter(settings: Settings) -> Callable[[str], None]:
    """Return what tells the user of a line: on the terminal, or in the log if that is JSON."""
    if settings.log_format == logs.JSON:
        logs.set_up("up", logs.JSON)
        return logging.getLogger(__name__).warning
    return lambda line: click.echo(line, err=True)
