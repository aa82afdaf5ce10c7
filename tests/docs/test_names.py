"""What a page names is there: tests, files, messages; and pages made from the code are as it is."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from datanectar.parameters.class_options import OPTIONS
from tests.docs.blocks import blocks_of
from tests.docs.pages import DOCS, GENERATED, PAGES, ROOT

PACKAGE = ROOT / "code" / "datanectar"
TEXT = "".join(page.read_text() for page in PAGES)


@pytest.mark.parametrize("page", GENERATED, ids=lambda page: page.name)
def test_a_page_made_from_the_code_is_as_the_code_is(page: Path) -> None:
    assert page.read_text() == GENERATED[page](), "run: python -m tests.docs"


def test_every_option_of_a_class_is_an_attribute_that_the_reference_shows() -> None:
    source = (PACKAGE / "util" / "nectartask.py").read_text()
    assert not [name for name in OPTIONS if not re.search(rf"#: .+\n    {name}: ClassVar", source)]


def test_a_message_that_the_page_of_troubles_explains_is_in_the_code() -> None:
    page = (DOCS / "troubleshooting.md").read_text()
    messages = re.findall(r"^\| `(.+?)` \|", page, re.MULTILINE)
    said = "\n".join(text for file in PACKAGE.rglob("*.py") for text in _texts_in(file))
    assert len(messages) > 20
    assert not [message for message in messages if message not in said]


def _texts_in(file: Path) -> Iterator[str]:
    """Yield the texts of a module, docstrings left out; what is filled in is a zero byte."""
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Expr):
            node.value = ast.Constant(None) if isinstance(node.value, ast.Constant) else node.value
        if isinstance(node, ast.JoinedStr):
            yield "".join(
                str(part.value) if isinstance(part, ast.Constant) else "\0" for part in node.values
            )
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value


@pytest.mark.parametrize("test", sorted(set(re.findall(r"`(tests/[\w/]+\.py::\w+)`", TEXT))))
def test_a_test_that_a_page_names_is_there(test: str) -> None:
    file, _, name = test.partition("::")
    tree = ast.parse((ROOT / file).read_text())
    assert name in [node.name for node in tree.body if isinstance(node, ast.FunctionDef)]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_a_file_of_the_package_or_the_tests_that_a_page_names_is_there(page: Path) -> None:
    """In backquotes, from the root or from the package: ``runs/store.py``, ``tests/faults/``."""
    folders = ("tests/", "benchmarks/", "configuration/", *_folders_of_the_package())
    named = set(re.findall(r"`([\w./-]+/[\w./-]*)`", page.read_text()))
    shown = {block.file for block in blocks_of(page)}  # files of the reader's own
    ours = [name for name in named - shown if name.startswith(folders)]
    assert not [name for name in ours if not _exists(name)]


def _folders_of_the_package() -> list[str]:
    return [f"{path.name}/" for path in PACKAGE.iterdir() if path.is_dir()] + ["code/datanectar/"]


def _exists(name: str) -> bool:
    return (ROOT / name).exists() or (PACKAGE / name).exists()


def test_each_attack_has_a_test() -> None:
    table = (DOCS / "security.md").read_text().partition("| attack |")[2].partition("\n\n")[0]
    attacks = table.splitlines()[2:]
    assert len(attacks) > 20
    assert not [line for line in attacks if "::test_" not in line]


@pytest.mark.parametrize("page", ["security.md", "bringing-a-pipeline.md"])
def test_the_readme_leads_to_the_page(page: str) -> None:
    assert f"(docs/{page})" in (ROOT / "README.md").read_text()
