"""The example on the page about the helpers, run as it stands."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

from datanectar.authoring import formats, frames
from datanectar.authoring.task_helpers import TaskHelpers

PAGE = (Path(__file__).parents[2] / "docs" / "task-helpers.md").read_text()


def test_the_example_makes_what_the_page_shows(tmp_path: Path) -> None:
    (place,) = re.findall(r"`(code/chains/.+\.py)`:\n", PAGE)
    source = re.search(r"```python\n(import.+?)```", PAGE, re.DOTALL)
    console = re.search(r"```console\n(.+?)```", PAGE, re.DOTALL)
    assert source
    assert console
    chain = tmp_path / place
    chain.parent.mkdir(parents=True)
    chain.write_text(source[1])
    commands = re.findall(r"^\$ (.+)$", console[1], re.MULTILINE)
    programs = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    environ = {"PATH": programs, "HOME": str(tmp_path), "DATANECTAR_PROJECT": str(tmp_path)}

    done = subprocess.run(
        ["sh", "-ec", "\n".join(commands)],
        cwd=tmp_path,
        env=environ,
        capture_output=True,
        text=True,
        timeout=120,
    )

    assert done.returncode == 0, done.stderr
    assert done.stdout.endswith(re.sub(r"^\$ .+\n", "", console[1], flags=re.MULTILINE))
    (log,) = tmp_path.glob("local_targets/chains/shop/orders_chain/OrdersTask/*/log")
    assert re.search(
        r"INFO chains.shop.orders_chain.OrdersTask: 4 orders on 2026-", log.read_text()
    )


def test_the_page_names_every_helper_and_every_suffix() -> None:
    helpers = ["named_output", *(name for name in vars(TaskHelpers) if name[0] != "_")]
    assert all(f"`self.{name}" in PAGE for name in helpers)
    suffixes = [*formats.TEXTS, *formats.FIGURES, *formats.PICKLES, *frames.SUFFIXES]
    assert all(f"`{suffix}`" in PAGE for suffix in [*suffixes, ".json", ".jsonl"])
