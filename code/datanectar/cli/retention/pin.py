"""``datanectar pin``: results that no purge deletes."""

from __future__ import annotations

import sys
from dataclasses import asdict

import click

from datanectar.cli.exit_codes import FAILED
from datanectar.cli.options import echo_json, echo_rows, json_option
from datanectar.cli.retention.project_service import settings_of_project
from datanectar.cli.terminal import echo


@click.command()
@click.argument("keys", nargs=-1, metavar="[KEY]...")
@click.option("--reason", default="", help="Why, for whoever looks later.")
@click.option("--remove", is_flag=True, help="Let them go again when they are old.")
@json_option
def pin(keys: tuple[str, ...], reason: str, remove: bool, as_json: bool) -> None:
    """Keep the results of these KEYs from every purge; without a KEY, list what is pinned.

    A KEY is as `datanectar run` and the pages show it: chains/TYPE/CHAIN/TASK/MD5. What the result was
    made of is not kept by that. `datanectar drop` deletes a pinned result all the same.
    """
    from datanectar.keys import parse_target
    from datanectar.retention.store import RetentionStore
    from datanectar.runs.store import RunStore

    run_store = RunStore(settings_of_project().database_url)
    run_store.prepare()
    store = RetentionStore(run_store.database)
    names = [str(parse_target(key)[0]) for key in keys]
    if remove and not names:
        raise click.UsageError("Which ones? `datanectar pin` lists them.")
    if remove:
        gone = store.unpin(names)
        for name in sorted({*names} - {*gone}):
            echo(f"{name} was not pinned.", err=True)
        sys.exit(FAILED if len(gone) < len({*names}) else 0)
    if names:
        store.pin(names, reason)
        return
    if as_json:
        echo_json([asdict(each) for each in store.pins()])
    else:
        echo_rows(((each.key, each.reason) for each in store.pins()), "key", "reason")
