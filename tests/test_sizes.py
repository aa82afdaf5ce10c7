"""Nothing in the package grows too large to be read at once, and the map of it is complete."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from statistics import median

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "code" / "datanectar"
MODULES = sorted(
    path for path in PACKAGE.rglob("*.py") if not {"versions", "env.py"} & set(path.parts)
)

LINES_A_PACKAGE, FILES_A_PACKAGE = 1500, 12
LINES_A_MODULE = 300
LINES_A_FUNCTION, MEDIAN_OF_FUNCTIONS = 40, 8

#: What is too large still: it only gets shorter.
LARGE_PACKAGES = {"."}
LARGE_MODULES = {"settings/declarations.py"}  # a table: one row a setting
LONG_FUNCTIONS: set[str] = set()


def test_no_package_is_too_large() -> None:
    packages: dict[str, list[int]] = {}
    for path in MODULES:
        packages.setdefault(_name(path.parent), []).append(_lines(path))
    large = {
        name
        for name, files in packages.items()
        if sum(files) > LINES_A_PACKAGE or len(files) > FILES_A_PACKAGE
    }
    assert large <= LARGE_PACKAGES


def test_no_module_is_too_long() -> None:
    assert {_name(path) for path in MODULES if _lines(path) > LINES_A_MODULE} <= LARGE_MODULES


def test_no_function_is_too_long() -> None:
    long = {name for name, lines in _functions() if lines > LINES_A_FUNCTION}
    assert long <= LONG_FUNCTIONS
    assert median(lines for _, lines in _functions()) < MEDIAN_OF_FUNCTIONS


def test_the_page_on_architecture_names_every_module() -> None:
    """A line of the page names it: by its package, as ``runs/``, and by its own name."""
    lines = (ROOT / "docs" / "architecture.md").read_text().splitlines()
    modules = [path for path in MODULES if path.stem not in ("__init__", "__main__")]
    assert not [_name(path) for path in modules if not any(_is_named(path, li) for li in lines)]


def _name(path: Path) -> str:
    return path.relative_to(PACKAGE).as_posix()


def _lines(path: Path) -> int:
    return len(path.read_text().splitlines())


def _functions() -> Iterator[tuple[str, int]]:
    for path in MODULES:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                yield f"{_name(path)}: {node.name}", (node.end_lineno or 0) - node.lineno + 1


def _is_named(path: Path, line: str) -> bool:
    package = "" if path.parent == PACKAGE else f"{_name(path.parent)}/"
    return package in line and bool(re.search(rf"\b{path.stem}\b", line))
