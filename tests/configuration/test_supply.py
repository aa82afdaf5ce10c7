"""What an installation consists of: the lock is in step with setup.py, the packages are in order."""

from __future__ import annotations

import re
import subprocess
import sys
from importlib.metadata import requires
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]
LOCK = (ROOT / "configuration" / "requirements.lock").read_text()
#: Name and version of each; a package may have one version for old Pythons and one for new ones.
LOCKED = [
    (canonicalize_name(name), version)
    for name, version in re.findall(r"^([\w.-]+)==(\S+)", LOCK, re.MULTILINE)
]
REQUIRED = [Requirement(text) for text in requires("datanectar") or ()]


@pytest.mark.parametrize("required", REQUIRED, ids=str)
def test_the_lock_has_each_package_in_a_version_that_is_allowed(required: Requirement) -> None:
    extra = re.search(r'extra == "(\w+)"', str(required.marker))
    if extra and extra[1] not in ("postgres", "redis"):
        pytest.skip("an extra that production does not need")
    name = canonicalize_name(required.name)
    versions = [version for locked, version in LOCKED if locked == name]
    assert versions, f"{required} is not in requirements.lock: make lock"
    assert all(map(required.specifier.contains, versions)), f"it has {versions}: make lock"


def test_every_package_of_the_lock_has_hashes_and_no_index_is_named() -> None:
    entries = re.split(r"^(?=[\w.-]+==)", LOCK, flags=re.MULTILINE)[1:]
    assert len(entries) == len(LOCKED) > 20
    assert all("--hash=sha256:" in entry for entry in entries)
    assert "://" not in LOCK and "index" not in LOCK


def test_every_requirement_has_both_bounds() -> None:
    production = [one for one in REQUIRED if one.marker is None or "extra" not in str(one.marker)]
    for required in production:
        operators = {bound.operator for bound in required.specifier}
        assert operators & {">=", "~="}, f"{required} has no lower bound"
        assert operators & {"<", "~="} or "tomli" in required.name, f"{required} has no upper bound"


@pytest.mark.slow
def test_the_published_packages_are_in_order(tmp_path: Path) -> None:
    _runs("build", "--outdir", str(tmp_path / "dist"), str(ROOT))
    built = sorted((tmp_path / "dist").iterdir())
    assert [file.suffix for file in built] == [".whl", ".gz"]
    _runs("twine", "check", "--strict", *map(str, built))


def _runs(module: str, *arguments: str) -> None:
    command = [sys.executable, "-m", module, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=240, cwd=ROOT)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
