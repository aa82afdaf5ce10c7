"""``datanectar backup``: a copy of a run store on SQLite, whole, while the service goes on."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from pathlib import Path

import click

from datanectar import settings as settings_module
from datanectar.cli.operations.project_store import project_store
from datanectar.cli.options import echo_json, json_option
from datanectar.cli.terminal import echo
from datanectar.errors import BadRequest, Conflict
from datanectar.permissions import private_file


@click.command()
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@json_option
def backup(file: Path, as_json: bool) -> None:
    """Copy the run store into FILE while the service goes on.

    For a store on SQLite; one on PostgreSQL is dumped by pg_dump. FILE can be read by its owner
    alone: it has the parameters of runs, and who may do what. docs/upgrading.md says how to restore.
    """
    store = project_store(settings_module.load()).database
    if store.file is None:
        raise BadRequest(
            f"The run store {store.name} is on PostgreSQL: pg_dump --format=custom "
            f"--file={file} copies it while the service goes on."
        )
    if file.exists():
        raise Conflict(f"{file} is there already: name another, or remove it.")
    try:
        copy_of(store.file, file)
    except (OSError, sqlite3.Error) as problem:
        raise BadRequest(f"The copy {file} can't be written: {problem}.") from problem
    size = file.stat().st_size
    if as_json:
        echo_json({"store": str(store.file), "file": str(file), "bytes": size})
    else:
        echo(f"{store.file} is copied to {file} ({size:,} bytes).", err=True)


def copy_of(source: Path, target: Path) -> None:
    """Copy a SQLite database as it is at one moment; ``target`` is there whole, or not at all.

    Others may write meanwhile: SQLite's backup reads one state of it
    (https://www.sqlite.org/backup.html).
    """
    unfinished = target.with_name(f".{target.name}.{os.getpid()}")
    try:
        private_file(unfinished)
        with closing(sqlite3.connect(source)) as from_, closing(sqlite3.connect(unfinished)) as to:
            from_.backup(to)
            to.execute("PRAGMA journal_mode=DELETE")  # one file, without a log beside it
        with unfinished.open("rb") as written:
            os.fsync(written.fileno())
        unfinished.rename(target)
    finally:
        unfinished.unlink(missing_ok=True)
