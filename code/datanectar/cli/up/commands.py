"""``datanectar up``, ``web``, ``worker`` and ``luigid``: the processes of the service."""

from __future__ import annotations

import logging

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
    Supervisor(settings, lambda line: click.echo(line, err=True), with_luigid=with_luigid).run()


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
    _log_to_stderr()
    service = Service(
        settings,
        store=RunStore(settings.database_url),
        queue=RunQueue(settings.queue_url),
        children=ChildPool(settings, ahead=settings.workers, role=RunJob),
        luigid=Luigid(settings.luigid_url, settings.state),
    )
    Worker(service).run()


@click.command()
def luigid() -> None:
    """Serve luigid, Luigi's scheduler, alone: where `web` and `worker` are started by hand, too.

    It listens at DATANECTAR_LUIGID_URL, on loopback only, and keeps its state in the state folder.
    """
    from datanectar.cli.up.luigid_process import become_luigid

    become_luigid(prepared_settings())


def _log_to_stderr() -> None:
    logging.basicConfig(
        format="%(asctime)s %(levelname)s %(name)s: %(message)s",
        datefmt="%Y-%m-%d %H:%M:%S%z",
        level=logging.INFO,
    )
    logging.getLogger("huey").setLevel(logging.ERROR)
