"""A web without luigid and workers, for what needs neither."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.servers.processes import Stack
from tests.servers.stack import copy_catalogue


@pytest.fixture(scope="module")
def web(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A started web over the catalogue; a run that it accepts waits for ever."""
    stack = Stack(tmp_path_factory.mktemp("project"))
    copy_catalogue(stack.project)
    stack.environ["DATANECTAR_IMPORT_TIMEOUT"] = "5"
    try:
        stack.settings.state.mkdir(parents=True)
        stack.start_web()
        yield stack
    finally:
        stack.close()
