"""A stack over the chain that leaves evidence, for the tests of a module to break and mend."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.servers.evidence import Evidence
from tests.servers.stack import Stack, copy_catalogue


@pytest.fixture(scope="module")
def evidence(tmp_path_factory: pytest.TempPathFactory) -> Evidence:
    return Evidence(tmp_path_factory.mktemp("evidence"))


@pytest.fixture(scope="module")
def environ() -> dict[str, str]:
    """A module's own settings; override it."""
    return {}


@pytest.fixture(scope="module")
def stack(
    tmp_path_factory: pytest.TempPathFactory, evidence: Evidence, environ: dict[str, str]
) -> Iterator[Stack]:
    settings = {
        "FAULTS_EVIDENCE": str(evidence.folder),
        "DATANECTAR_HEARTBEAT_TIMEOUT": "2",
        "DATANECTAR_GRACE": "1",
        **environ,
    }
    stack = Stack(tmp_path_factory.mktemp("faults") / "project", environ=settings)
    copy_catalogue(stack.project)
    (stack.project / "code" / "chains" / "wide" / "wide_chain.py").unlink()  # it has a schedule
    try:
        yield stack.start()
    finally:
        stack.close()
