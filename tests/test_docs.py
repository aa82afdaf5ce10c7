"""Docs that can't go stale: what they say is there is there, and what they show runs.

``docs/settings.md`` is made from the table of settings;
``python -m tests.test_docs`` writes it anew.
"""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from datanectar.settings import rows
from tests.servers.stack import Stack

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "code" / "datanectar"
PAGE = ROOT / "docs" / "settings.md"
PAGES = [ROOT / "CONTRIBUTING.md", ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
SECURITY = (ROOT / "docs" / "security.md").read_text()
TEXT = "".join(page.read_text() for page in PAGES)
BRINGING = (ROOT / "docs" / "bringing-a-pipeline.md").read_text()

HEAD = """# Settings

A setting comes from its environment variable, else from the project's settings file, else it has its default. `datanectar settings`
prints the same list, with the value in force and where it comes from. AWS credentials, region and endpoint come from the `AWS_*`
variables as boto3 reads them, `AWS_ENDPOINT_URL_S3` included.

## The settings file

What is a project's own, such as its port, stands in `datanectar.toml` in its folder, or under `[tool.datanectar]` in its `pyproject.toml`;
not in both. Every command reads it, in the project's folder or anywhere below: `datanectar run` there talks to that project's app.

```toml
port = 5777
workers = 2
preload = ["pandas"]
allowed_hosts = ["chains.example"]
```

- A name is the variable's without `DATANECTAR_`, in small letters: `DATANECTAR_RUN_TIMEOUT` is `run_timeout`, `ENV` is `env`. `project` is
  none: it is the folder of the file.
- Texts and paths stand in quotes, numbers do not, and what may be several is a list of texts. A name that is no setting, or a value of
  another type, is refused at start.
- Relative paths, those of `sqlite:///` URLs too, begin at the file's folder.
- An app reads the file when it starts; its parts and runs keep what it said then.
- Chains can read the file, and it is kept with the code: tokens and passwords belong in the environment.

## Every setting

| variable | default | what it is for |
| --- | --- | --- |
"""


def settings_page() -> str:
    """Return what ``docs/settings.md`` has to hold."""
    lines = [
        f"| `{variable}` | {_default(default)} | {help.replace('|', chr(92) + '|')} |\n"
        for variable, default, help in rows()
    ]
    return HEAD + "".join(lines)


def _default(text: str) -> str:
    if text == "computed":
        return "see there"
    return f"`{text}`" if text else "none"


def test_the_page_of_settings_has_every_setting_as_it_is() -> None:
    assert PAGE.read_text() == settings_page(), "run: python -m tests.test_docs"


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
    ours = [name for name in named if name.startswith(folders)]
    assert not [name for name in ours if not _exists(name)]


def _folders_of_the_package() -> list[str]:
    return [f"{path.name}/" for path in PACKAGE.iterdir() if path.is_dir()] + ["code/datanectar/"]


def _exists(name: str) -> bool:
    return (ROOT / name).exists() or (PACKAGE / name).exists()


def test_each_attack_has_a_test() -> None:
    table = SECURITY.partition("| attack |")[2].partition("\n\n")[0]
    attacks = table.splitlines()[2:]
    assert len(attacks) > 20
    assert not [line for line in attacks if "::test_" not in line]


@pytest.mark.parametrize("page", ["security.md", "bringing-a-pipeline.md"])
def test_the_readme_leads_to_the_page(page: str) -> None:
    assert f"(docs/{page})" in (ROOT / "README.md").read_text()


@pytest.mark.slow
def test_the_pipeline_that_is_brought_runs_as_it_stands(stack: Stack) -> None:
    """Both ways of the page on bringing a pipeline: the second finds what the first has made."""
    place = re.search(r"`code/chains/(.+)\.py`:\n", BRINGING)
    source = re.search(r"```python\n(.+?)```", BRINGING, re.DOTALL)
    inbox, by_luigi, _ = re.findall(r"^\$ (.+)$", BRINGING, re.MULTILINE)
    assert place
    assert source
    stack.chain(place[1], source[1])
    luigi = f"{Path(sys.executable).parent}/luigi"
    script = f"{inbox} && {by_luigi.replace('../venv/bin/luigi', luigi)}"
    environ = {"PATH": os.environ["PATH"], "HOME": str(stack.project)}
    subprocess.run(["sh", "-c", script], check=True, cwd=stack.project, env=environ)

    status = stack.run(f"{place[1]}/TotalTask", day="2026-05-17")

    assert status["job_status"] == "DONE", status
    assert (stack.project / "code" / "totals" / "2026-05-17.txt").read_text() == "3"


if __name__ == "__main__":
    PAGE.write_text(settings_page())
