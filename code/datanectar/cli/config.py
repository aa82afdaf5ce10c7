"""``datanectar config``: the settings in force."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from typing import Any

import click

from datanectar import settings as settings_module
from datanectar.cli.completion import complete_setting
from datanectar.cli.options import echo_json, json_option
from datanectar.cli.terminal import echo


@click.command()
@click.argument("names", nargs=-1, metavar="[NAME]...", shell_complete=complete_setting)
@json_option
def config(names: tuple[str, ...], as_json: bool) -> None:
    """Show the settings in force, and where each comes from: all, or those of these NAMES.

    A name is that of the variable or of the settings file: DATANECTAR_PORT or port. Tokens and
    passwords are shown as ***.
    """
    rows = _rows()
    chosen = [_find(name, rows) for name in names] or rows
    if as_json:
        echo_json(chosen)
        return
    for row in chosen:
        click.echo(f"{row['variable']}\n    {row['help']}\n    default: {row['default']}")
        echo(f"    in force: {row['value'] or 'none'}\n    from: {row['source']}")


#: The name that this command had first.
settings = config


def unknown_variables(environ: Mapping[str, str]) -> list[tuple[str, str]]:
    """Return the variables that look like settings and are none, each with what may be meant."""
    known = {variable for variable, _, _ in settings_module.rows()}
    known |= settings_module.OTHER_VARIABLES
    found = sorted(n for n in environ if n.startswith("DATANECTAR_") and n not in known)
    near = [(name, difflib.get_close_matches(name, known, 1)) for name in found]
    return [(name, f"; did you mean {like[0]}?" if like else ".") for name, like in near]


def _rows() -> list[dict[str, Any]]:
    in_force, sources = settings_module.load_with_sources()
    rows = settings_module.shown_rows(in_force)
    return [{**row, "source": sources[row["name"]]} for row in rows]


def _find(name: str, rows: list[dict[str, Any]]) -> dict[str, Any]:
    for row in rows:
        if name in (row["name"], row["variable"]):
            return row
    known = [text for row in rows for text in (row["name"], row["variable"])]
    near = difflib.get_close_matches(name, known, 1)
    hint = f"did you mean {near[0]}?" if near else "`datanectar config` lists all."
    raise click.UsageError(f"{name} is no setting; {hint}")
