"""The page on testing: its code, as it stands, in a project of its own."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

PAGE = (Path(__file__).parents[2] / "docs" / "testing.md").read_text()


def test_the_tests_on_the_page_pass(tmp_path: Path) -> None:
    blocks = re.findall(r"```python\n(.+?)```", PAGE, re.DOTALL)
    (chain,) = [block for block in blocks if "class ReadTask" in block]
    folder = tmp_path / "code" / "chains" / "etl"
    folder.mkdir(parents=True)
    (folder / "sales_chain.py").write_text(chain)
    tests = "\n".join(block for block in blocks if block is not chain)
    (tmp_path / "test_sales.py").write_text(tests)
    environ = {
        "PATH": os.environ["PATH"],
        "HOME": str(tmp_path),
        "DATANECTAR_PROJECT": str(tmp_path),
        "PYTHONPATH": str(tmp_path / "code"),
    }

    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"],
        cwd=tmp_path,
        env=environ,
        capture_output=True,
        text=True,
    )

    assert done.returncode == 0, done.stdout
    assert f"{tests.count('def test_')} passed" in done.stdout
