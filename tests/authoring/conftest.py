"""The chain of this folder's tests, imported as a developer at a prompt would."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

from tests.authoring.chains import CHAIN
from tests.util.chains import imported


@pytest.fixture
def chain(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    with imported(CHAIN, "helped_chain", tmp_path, monkeypatch) as module:
        yield module
