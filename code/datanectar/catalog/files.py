"""The chain files of a project, by name. Imports none."""

from __future__ import annotations

import difflib
import os
from dataclasses import dataclass
from pathlib import Path

from datanectar.keys import NAME
from datanectar.messages import ChainDescription

#: A file's modification time (ns) and size (bytes).
Stamp = tuple[int, int]
#: What the name of a chain file ends in.
CHAIN_SUFFIX = "_chain.py"


@dataclass(frozen=True)
class ChainFile:
    """A chain's file. ``problem`` says why it can't be served, when a route can't contain its name."""

    type: str
    name: str
    path: Path
    problem: str | None = None

    @property
    def id(self) -> tuple[str, str]:
        """Type and name."""
        return self.type, self.name


def find_chains(chains: Path) -> list[ChainFile]:
    """Return every ``<type>/<name>_chain.py`` below ``chains``, in order of type and name."""
    found = []
    for folder in _folders(chains):
        with os.scandir(folder.path) as entries:
            names = [entry.name for entry in entries if entry.name.endswith(CHAIN_SUFFIX)]
        parent = Path(folder.path)
        found += [_chain_file(folder.name, name, parent / name) for name in names]
    return sorted(found, key=lambda file: (file.type, file.name))


def chain_path(chains: Path, type: str, name: str) -> Path | None:
    """Return the file of one chain, or None when there is none of that name."""
    if not (NAME.match(type) and NAME.match(name) and name.endswith(CHAIN_SUFFIX[:-3])):
        return None
    path = chains / type / f"{name}.py"
    return path if path.is_file() else None


def like_chain(chains: Path, type: str, name: str) -> str:
    """Return a sentence that proposes the chain with the most similar name, empty without one.

    For a file of this very name that can't be served, the sentence says why.
    """
    files = find_chains(chains)
    for file in files:
        if (file.type, file.name) == (type, name) and file.problem:
            return f" There is such a file, but {file.problem}"
    places = [f"{file.type}/{file.name}" for file in files if not file.problem]
    near = difflib.get_close_matches(f"{type[:100]}/{name[:100]}", places, 1)
    return f" Did you mean {near[0]}?" if near else ""


def file_stamp(path: str | Path) -> Stamp:
    """Return a file's modification time (ns) and size (bytes); zeros when it is gone."""
    try:
        status = os.stat(path)  # noqa: PTH116  # called for many files at each request
    except OSError:
        return (0, 0)
    return (status.st_mtime_ns, status.st_size)


def luigi_stamps(code: Path) -> list[Stamp]:
    """Return the stamps of the files that Luigi reads its configuration from, existing or not.

    Args:
        code: the folder in which children run.

    Source: luigi/configuration, ``cfg_parser.py`` and ``toml_parser.py``. Needs no Luigi.
    """
    names = ("client.cfg", "luigi.cfg", "luigi.toml")
    files = [folder / name for folder in (Path("/etc/luigi"), code) for name in names]
    own = os.environ.get("LUIGI_CONFIG_PATH")
    return [file_stamp(file) for file in [*files, *([code / own] if own else [])]]


def _folders(chains: Path) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(chains) as entries:
            return [e for e in entries if e.is_dir() and not e.name.startswith((".", "__"))]
    except FileNotFoundError:
        return []


def _chain_file(type: str, file: str, path: Path) -> ChainFile:
    name = file[: -len(".py")]
    bad = next((part for part in (type, name) if not NAME.match(part)), None)
    return ChainFile(type, name, path, bad and name_problem(bad))


def name_problem(name: str) -> str:
    """Return why a folder, a file or a class of this name can't be served."""
    return (
        f"{name[:100]!r} can't be part of a route: use ASCII letters, digits and underscores, "
        "and begin with a letter."
    )


def no_task(chain: ChainDescription, task: str) -> str:
    """Return the message for a task that a chain does not have, or why it has no route."""
    place = f"{chain.type}/{chain.name}"
    for left in chain.left_out:
        if left.name == task:
            return f"{place} has no route for {task[:100]!r}: {left.reason}"
    names = ", ".join(item.name for item in chain.tasks) or "none"
    others = ", ".join(left.name for left in chain.left_out)
    more = f" Without a route: {others}; GET /api/chains/{place} says why." if others else ""
    return f"{place} has no task {task[:100]!r}; its tasks: {names}.{more}"
