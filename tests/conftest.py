"""Fixtures for every test; the real servers live in ``tests/servers/``, one module each."""

from __future__ import annotations

import pytest

from tests.servers.optional import summarize

pytest_plugins = [
    "tests.servers.fixtures",
    "tests.servers.chromium",
    "tests.servers.s3",
    "tests.servers.postgres",
    "tests.servers.redis",
    "tests.servers.dask",
]

#: What takes longest. Begun first, none of it is left alone at the end of a parallel run.
LONGEST = (
    "tests/test_setup.py",
    "tests/hosts/",
    "tests/faults/",
    "tests/upgrades/",
    "tests/views/",
    "tests/luigi_examples/",
    "tests/benchmarks/",
    "tests/cli/",
    "tests/api/monitoring/test_health.py",
    "tests/runner/",
    "tests/forkserver/",
    "tests/worker/",
)
#: What costs seconds to start; a test that needs one of these is slow, and so is what
#: breaks a service, or builds the shipped chains.
SLOW_FIXTURES = {"chromium", "cluster", "make_cluster", "make_stack", "postgres_url"}
SLOW_FOLDERS = ("tests/faults/", "tests/upgrades/", "tests/shipped_chains/")


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the longest files first, and mark as slow what starts a service of its own."""
    for item in items:
        needed = getattr(item, "fixturenames", ())
        if SLOW_FIXTURES.intersection(needed) or item.nodeid.startswith(SLOW_FOLDERS):
            item.add_marker(pytest.mark.slow)
    items.sort(key=lambda item: not item.nodeid.startswith(LONGEST))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Name the programs that were missing, and what brings them."""
    summarize(terminalreporter)
