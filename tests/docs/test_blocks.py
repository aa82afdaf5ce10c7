"""Every code block and console session of the pages runs, in a project with a running app."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.docs import not_run
from tests.docs.blocks import Block, blocks_of, commands_of
from tests.docs.pages import PAGES, ROOT
from tests.docs.sessions import Shell, environment
from tests.servers.processes import free_port
from tests.servers.stack import Stack

DATANECTAR = [sys.executable, "-m", "datanectar"]
#: By page: what its blocks take from an earlier one, which is a file.
BEFORE = {
    "docs/retention.md": "from datanectar import NectarTask",
    "docs/task-helpers.md": "from datanectar import NectarTask",
}
#: Languages of blocks that hold nothing to run.
_TEXT = ("text", "json")
_RUNS = ("python", "console", "toml")


def name_of(page: Path) -> str:
    return str(page.relative_to(ROOT))


def is_run(page: Path, block: Block) -> bool:
    return block.language in _RUNS and (name_of(page), block.first_line) not in not_run.BLOCKS


WITH_BLOCKS = [page for page in PAGES if any(is_run(page, block) for block in blocks_of(page))]


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project as `datanectar init` makes it, with the shipped chains."""
    folder = tmp_path_factory.mktemp("reader")
    subprocess.run([*DATANECTAR, "init", "shop"], cwd=folder, env=environment(folder), check=True)
    ignored = shutil.ignore_patterns("__pycache__")
    shutil.copytree(
        ROOT / "code" / "chains", folder / "shop/code/chains", dirs_exist_ok=True, ignore=ignored
    )
    return folder / "shop"


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """The app of a project that each page finds as new."""
    stack = Stack(tmp_path_factory.mktemp("app") / "shop")
    try:
        yield stack.start()
    finally:
        stack.close()


@pytest.fixture
def reader(app: Stack, shop: Path) -> Stack:
    """The app, with a project in which no page has left anything."""
    for name in ("code/chains", "code/data", "local_targets", "tests", "buckets"):
        shutil.rmtree(app.project / name, ignore_errors=True)
    shutil.copytree(shop, app.project, dirs_exist_ok=True)
    settings = f'port = {app.port}\nluigid_url = "{app.luigid_url}"\n'
    write(app.project / "datanectar.toml", settings)
    return app


@pytest.mark.slow
@pytest.mark.parametrize("page", WITH_BLOCKS, ids=name_of)
def test_what_a_page_shows_runs(page: Path, reader: Stack, tmp_path: Path) -> None:
    environ = environment(reader.project)
    free = f"127.0.0.1:{free_port()}"
    replaced = {
        "http://localhost:5000": f"http://localhost:{reader.port}",
        "127.0.0.1:9100": free,
        "/home/me/shop": str(reader.project),
    }
    script = [BEFORE.get(name_of(page), "")]
    with Shell(reader.project, replaced, environ) as shell:
        for block in blocks_of(page):
            if not is_run(page, block):
                continue
            if block.file:
                write(reader.project / block.file, block.text)
            elif block.language == "console":
                shell.run(commands_of(block))
            elif block.language == "toml":
                write(tmp_path / "datanectar.toml", block.text)
                subprocess.run([*DATANECTAR, "config"], cwd=tmp_path, env=environ, check=True)
            else:
                script.append(block.text)
    run_script("\n".join(script), reader.project, tmp_path, environ)


def write(file: Path, text: str) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)


def run_script(code: str, project: Path, tmp_path: Path, environ: dict[str, str]) -> None:
    """Run the Python of a page as one script, or as a test file if it has tests."""
    program = project / "tests" / "test_page.py"
    write(program, code.replace('"/tmp"', repr(str(tmp_path))))
    pytest_options = ["-m", "pytest", "-q"] if "\ndef test_" in code else []
    done = subprocess.run(
        [sys.executable, *pytest_options, str(program)],
        cwd=project,
        env={**environ, "PYTHONPATH": str(project / "code")},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_every_block_says_what_it_is(page: Path) -> None:
    languages = {block.language for block in blocks_of(page)}
    known = {*_TEXT, *_RUNS, "{toctree}", "{eval-rst}", "{include} ../CHANGELOG.md"}
    assert languages <= known


def test_what_is_not_run_is_there_and_has_a_reason() -> None:
    shown = {(name_of(page), block.first_line) for page in PAGES for block in blocks_of(page)}
    assert set(not_run.BLOCKS) <= shown
    commands = [
        command.text
        for page in PAGES
        for block in blocks_of(page)
        if block.language == "console"
        for command in commands_of(block)
    ]
    unused = [s for s in not_run.COMMANDS if not any(text.startswith(s) for text in commands)]
    assert not unused
    assert all([*not_run.BLOCKS.values(), *not_run.COMMANDS.values()])
