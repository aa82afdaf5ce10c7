"""``datanectar init`` and ``new``: a project's folder, and a chain with its test."""

from __future__ import annotations

import keyword
import re
import shlex
from pathlib import Path
from string import Template

import click

from datanectar.cli.options import echo_json, json_option
from datanectar.errors import BadRequest

_TEMPLATES = Path(__file__).with_name("project_template")
#: The chain that a new project has.
_FIRST = ("etl", "sales")
#: Where the files of a project go, by template.
_PROJECT_FILES = {
    "README.md.txt": "README.md",
    "datanectar.toml.txt": "datanectar.toml",
    "gitignore.txt": ".gitignore",
    "pyproject.toml.txt": "pyproject.toml",
    "requirements.txt.txt": "requirements.txt",
}
#: Where the files of a chain go.
_CHAIN_FILES = {
    "chain.py.txt": "code/chains/{type}/{name}_chain.py",
    "test_chain.py.txt": "tests/{type}/test_{name}_chain.py",
}


@click.command()
@click.argument("folder", type=click.Path(path_type=Path))
@json_option
def init(folder: Path, as_json: bool) -> None:
    """Make a project in FOLDER: a chain, its test, settings, and what git and pip need.

    A file that is there is never overwritten: then nothing is made. The paths of what was made go to
    standard output.
    """
    folder = folder.absolute()
    type, name = _FIRST
    values = {
        "project": folder.name,
        "package": re.sub(r"[^a-z0-9]+", "-", folder.name.lower()).strip("-") or "project",
        "bucket": re.sub(r"[^a-z0-9]+", "-", folder.name.lower()).strip("-") or "datanectar",
        "type": type,
        "name": name,
    }
    files = {**_PROJECT_FILES, **_chain_files(type, name)}
    _write({folder / path: _text(template, values) for template, path in files.items()}, as_json)
    click.echo(f"\nNext:\n  cd {shlex.quote(str(folder))}\n  datanectar up", err=True)


@click.command()
@click.argument("chain", metavar="TYPE/NAME")
@json_option
def new(chain: str, as_json: bool) -> None:
    """Add the chain TYPE/NAME to this project, with its test: `datanectar new etl/orders`.

    A file that is there is never overwritten. The paths of what was made go to standard output.
    """
    from datanectar import settings

    type, name = _read_name(chain)
    project, chains = settings.load().project, settings.load().chains
    if not chains.is_dir():
        raise click.UsageError(
            f"There is no folder {chains}: start in a project, or make one with `datanectar init`."
        )
    values = {"type": type, "name": name}
    paths = {template: project / path for template, path in _chain_files(type, name).items()}
    paths["chain.py.txt"] = chains / type / f"{name}_chain.py"
    _write({path: _text(template, values) for template, path in paths.items()}, as_json)
    task = f"{type}/{name}_chain/ReportTask"
    click.echo(f"\nNext:\n  datanectar run {task} --day 2026-01-01 --here", err=True)


def _read_name(chain: str) -> tuple[str, str]:
    """Return type and name, ``_chain`` at its end left out.

    Raises:
        BadRequest: naming the field that can't be used.
    """
    type, separator, name = chain.partition("/")
    if not separator:
        raise BadRequest(f"chain: {chain!r} is not TYPE/NAME, such as etl/orders.")
    name = name.removesuffix(".py").removesuffix("_chain")
    problems = {"type": _problem_of(type), "name": _problem_of(name)}
    fields = {field: problem for field, problem in problems.items() if problem}
    if fields:
        raise BadRequest(
            "; ".join(f"{field}: {why}" for field, why in fields.items()), fields=fields
        )
    return type, name


def _problem_of(name: str) -> str | None:
    from datanectar.catalog.files import name_problem
    from datanectar.keys import NAME

    if not NAME.match(f"{name}_chain") or not NAME.match(name):
        return name_problem(name)
    if keyword.iskeyword(name):
        return f"{name!r} is a word of Python, and can't be imported: use another."
    return None


def _chain_files(type: str, name: str) -> dict[str, str]:
    return {template: path.format(type=type, name=name) for template, path in _CHAIN_FILES.items()}


def _text(template: str, values: dict[str, str]) -> str:
    return Template((_TEMPLATES / template).read_text(encoding="utf-8")).substitute(values)


def _write(files: dict[Path, str], as_json: bool) -> None:
    """Write all files, or none if one of them is there; print their paths.

    Raises:
        BadRequest: naming the files that are there.
        click.FileError: when one can't be written.
    """
    there = [path for path in files if path.exists() or path.is_symlink()]
    if there:
        names = ", ".join(map(str, there))
        raise BadRequest(f"There already: {names}. Nothing was written.")
    for path, text in files.items():
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        except OSError as problem:
            raise click.FileError(str(path), problem.strerror) from problem
    if as_json:
        echo_json({"made": [str(path) for path in files]})
        return
    for path in files:
        click.echo(click.format_filename(path))
