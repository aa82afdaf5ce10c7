"""The import contracts in ``pyproject.toml`` leave no module out, and chains use the public names.

``docs/architecture.md`` has the picture of the layers, made from the same list;
``python -m tests.test_layers`` writes it anew.
"""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import datanectar

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "code" / "datanectar"
CHAINS = sorted((ROOT / "code" / "chains").rglob("*.py"))
PAGE = ROOT / "docs" / "architecture.md"
PICTURE = re.compile(r"(?<=<!-- layers:begin -->\n).*?(?=<!-- layers:end -->)", re.DOTALL)
TABLE = re.compile(r"(?<=<!-- modules:begin -->\n).*?(?=<!-- modules:end -->)", re.DOTALL)


def layers() -> list[list[str]]:
    """Return the layers of the contract, the highest first, each as its packages and modules."""
    tools = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]
    contracts = {contract["id"]: contract for contract in tools["importlinter"]["contracts"]}
    return [re.findall(r"[\w.]+", layer) for layer in contracts["layers"]["layers"]]


def picture() -> str:
    """Return the layers, one a line: what stands in a line imports only from those below."""
    names = (" · ".join(name.removeprefix("datanectar.") for name in layer) for layer in layers())
    return "".join(["```text\n", *(f"{name}\n" for name in names), "```\n"])


def table() -> str:
    """Return the packages as a Markdown table: each by its docstring, with its modules."""
    packages: dict[str, list[str]] = {"": []}
    for module in sorted(_modules()):
        package, _, name = module.removeprefix("datanectar.").rpartition(".")
        packages.setdefault(package.replace(".", "/"), []).append(f"`{name}`")
    rows = [
        f"| {f'`{package}/`' if package else 'beside them'} | {_purpose(package)} | {' '.join(names)} |"
        for package, names in sorted(packages.items(), key=lambda item: item[0] or "~")
    ]
    return "\n".join(["| package | what it holds | modules |", "| --- | --- | --- |", *rows, ""])


def _purpose(package: str) -> str:
    doc = ast.get_docstring(ast.parse((PACKAGE / package / "__init__.py").read_text()))
    assert doc, f"{package} says nothing of what it holds"
    return doc.partition("\n")[0].replace("``", "`")


def test_every_module_has_its_layer() -> None:
    homes = [name for layer in layers() for name in layer]
    homeless = [m for m in _modules() if not any(m == x or m.startswith(x + ".") for x in homes)]
    assert not homeless, "give these a place in pyproject.toml, [tool.importlinter]"


def test_every_layer_is_there() -> None:
    gone = [name for layer in layers() for name in layer if not _is_there(name)]
    assert not gone, "remove these from pyproject.toml, [tool.importlinter]"


def test_the_page_on_architecture_shows_the_layers_as_they_are() -> None:
    page = PAGE.read_text()
    assert PICTURE.findall(page) == [picture()], "run: python -m tests.test_layers"
    assert TABLE.findall(page) == [table()], "run: python -m tests.test_layers"


@pytest.mark.parametrize("chain", CHAINS, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_shipped_chain_imports_only_public_names(chain: Path) -> None:
    for node in ast.walk(ast.parse(chain.read_text())):
        if isinstance(node, ast.Import):
            assert not [a.name for a in node.names if a.name.partition(".")[0] == "datanectar"]
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("datanectar"):
            assert node.module == "datanectar"
            assert {alias.name for alias in node.names} <= set(datanectar.__all__)


def _modules() -> Iterator[str]:
    for path in PACKAGE.rglob("*.py"):
        if path.name != "__init__.py" and not {"versions", "env.py"} & set(path.parts):
            yield ".".join(("datanectar", *path.relative_to(PACKAGE).with_suffix("").parts))


def _is_there(name: str) -> bool:
    path = PACKAGE.parent.joinpath(*name.split("."))
    return path.is_dir() or path.with_suffix(".py").is_file()


if __name__ == "__main__":
    text = PICTURE.sub(picture(), PAGE.read_text())
    PAGE.write_text(TABLE.sub(lambda _: table(), text))
