"""``datanectar purge``: deletes the results, logs and runs that are old enough to go."""

from __future__ import annotations

import math
import os
import sys
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

import click

from datanectar.cli.options import echo_json, json_option
from datanectar.cli.retention.display import data_of, show, shown_size
from datanectar.cli.retention.project_service import service_of_project
from datanectar.cli.terminal import echo
from datanectar.errors import BadRequest, Conflict, StorageError

if TYPE_CHECKING:
    from datanectar.retention.purge import Purge
    from datanectar.retention.rules import PurgeRequest, Report
    from datanectar.service.service import Service
    from datanectar.storage.s3 import S3Storage

_WHAT = ("results", "logs", "runs")


def _age(ctx: click.Context, param: click.Parameter, text: str | None) -> float | None:
    from datanectar.settings.ages import age_in_seconds

    if text is None:
        return None
    try:
        age = age_in_seconds(text)
    except ValueError as problem:
        raise BadRequest(f"--older-than {problem}.") from problem
    if math.isinf(age):
        raise BadRequest("--older-than forever: nothing is. Give an age such as '90 days'.")
    return age


def _name(ctx: click.Context, param: click.Parameter, name: str | None) -> str | None:
    from datanectar.keys import NAME

    if name is not None and not NAME.match(name):
        raise BadRequest(f"{param.opts[0]} {name!r}: no type, chain or task can be called so.")
    return name


@click.command()
@click.argument("what", nargs=-1, type=click.Choice(_WHAT))
@click.option("--type", "type_", callback=_name, help="Only of chains of this type.")
@click.option("--chain", callback=_name, help="Only of this chain.")
@click.option("--task", callback=_name, help="Only of this task.")
@click.option(
    "--older-than",
    callback=_age,
    metavar="AGE",
    help="In place of the rules: '90 days', 12h. What a class keeps for ever stays.",
)
@click.option("--dry-run", is_flag=True, help="Show what would go; delete nothing.")
@click.option("--yes", is_flag=True, help="Delete without asking.")
@click.option("--vacuum", is_flag=True, help="Then give the free space of a SQLite run store back.")
@click.option("--lifecycle", is_flag=True, help="Print rules for the bucket instead, as JSON.")
@json_option
def purge(
    what: tuple[str, ...],
    type_: str | None,
    chain: str | None,
    task: str | None,
    older_than: float | None,
    dry_run: bool,
    yes: bool,
    vacuum: bool,
    lifecycle: bool,
    as_json: bool,
) -> None:
    """Delete the results, logs and runs that are old enough to go: all, or WHAT of them.

    It shows what would go, then asks; without a terminal it deletes nothing unless --yes is given. What
    a run, a schedule's next fire or a backfill needs stays, and so does what is pinned (`datanectar
    pin`). It works with the stores themselves, with a running app or without.
    """
    from datanectar.retention.rules import PurgeRequest
    from datanectar.retention.space import check_vacuum

    request = PurgeRequest(what or _WHAT, type_, chain, task, older_than)
    with service_of_project() as service:
        if lifecycle:
            _print_lifecycle(service)
            return
        if vacuum:
            check_vacuum(service.store.database)
        report = _do(service, request, _is_wanted(dry_run, yes, as_json), as_json)
        if vacuum and not dry_run:
            _vacuum(service)
        _warn_of_versions(service, report)


def _is_wanted(dry_run: bool, yes: bool, as_json: bool) -> Callable[[Report], bool]:
    """Return a function that tells whether what a report shows is to be deleted."""

    def wanted(report: Report) -> bool:
        if dry_run or not report.rows:
            return False
        if yes:
            return True
        if as_json or not sys.stdin.isatty():
            echo("Nothing is deleted: give --yes.", err=True)
            return False
        return click.confirm("Delete these?", err=True)

    return wanted


def _do(
    service: Service, request: PurgeRequest, wanted: Callable[[Report], bool], as_json: bool
) -> Report:
    """Show what is old, and delete it if that is wanted; return what was shown last."""
    from datanectar.retention.purge import Purge

    report = Purge(service, request).look()
    if not as_json:
        show(report)
    deleted = wanted(report)
    if deleted:
        report = _alone(service, partial(Purge, service, request))
        if not as_json:
            echo("Deleted:", err=True)
            show(report)
    if as_json:
        echo_json(data_of(report, deleted=deleted))
    return report


def _alone(service: Service, make: Callable[..., Purge]) -> Report:
    """Carry a purge out while no worker does.

    Raises:
        Conflict: when one does.
    """
    from datanectar.retention.store import RetentionStore
    from datanectar.retention.upkeep import HOLD, PURGE, keep_on

    store = RetentionStore(service.store.database)
    owner = f"command on {service.settings.node}, process {os.getpid()}"
    if not store.begin(PURGE, owner, HOLD):
        raise Conflict(
            "A purge goes on already, of a worker or of another command: wait for its end."
        )
    try:
        return make(renew=partial(keep_on, store, PURGE, owner)).carry_out()
    finally:
        store.end(PURGE, owner, done=False)


def _vacuum(service: Service) -> None:
    from datanectar.retention.space import vacuum

    before, after = vacuum(service.store.database)
    echo(f"run store: {shown_size(before.total)}, now {shown_size(after.total)}", err=True)


def _warn_of_versions(service: Service, report: Report) -> None:
    """Say that what was deleted from a bucket that keeps versions takes its space still."""
    addresses = {row.store for row in report.rows.values() if row.files}
    for storage in _buckets(service):
        if storage.store_address in addresses and _keeps_versions(storage):
            echo(
                f"{storage.store_address} keeps versions: what is deleted stays as an earlier "
                "version, and takes its space, until a rule of the bucket removes it "
                "(`datanectar purge --lifecycle` prints one).",
                err=True,
            )


def _buckets(service: Service) -> list[S3Storage]:
    from datanectar.retention.purge import stores
    from datanectar.storage.s3 import S3Storage

    return [storage for storage in stores(service) if isinstance(storage, S3Storage)]


def _keeps_versions(storage: S3Storage) -> bool:
    """Tell whether a bucket keeps versions; not every server knows, or tells everybody."""
    try:
        return storage.keeps_versions()
    except StorageError:
        return False


def _print_lifecycle(service: Service) -> None:
    from datanectar.retention.lifecycle import LIMITS, MOST_RULES, lifecycle

    buckets = _buckets(service)
    versioned = any(map(_keeps_versions, buckets))
    chains = service.catalog.chains(service.settings.import_timeout)
    rules = lifecycle(service.settings, chains, versioned=versioned)
    echo_json(rules)
    for sentence in LIMITS:
        echo(sentence, err=True)
    if len(rules["Rules"]) > MOST_RULES:
        echo(f"These are {len(rules['Rules'])} rules; a bucket takes {MOST_RULES}.", err=True)
