"""The import contracts in ``pyproject.toml`` leave no module out, and chains use the public names."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import datanectar

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "code" / "datanectar"
CHAINS = sorted((ROOT / "code" / "chains").rglob("*.py"))


def test_every_module_has_its_layer() -> None:
    contract = (ROOT / "pyproject.toml").read_text().partition('id = "layers"')[2]
    layers = re.findall(r"\((datanectar[\w.]+)\)", contract.partition("[[tool.")[0])
    assert layers
    homeless = [m for m in _modules() if not any(m == x or m.startswith(x + ".") for x in layers)]
    assert not homeless, "give these a place in pyproject.toml, [tool.importlinter]"


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
        if path.name != "__init__.py" and "migrations" not in path.parts:
            yield ".".join(("datanectar", *path.relative_to(PACKAGE).with_suffix("").parts))
