"""How values are written: URLs of files with odd names."""

from __future__ import annotations

from pathlib import Path

import pytest

from datanectar.settings import load, sqlite_file

ODD_NAMES = [
    "what?1",
    "100%",
    "a%20b",
    "a#b",
    "a@b:c",
    "two words",
    "ä?ö",
    "a&b=c+d",
    "%(here)s",
    "'q\"",
    "$HOME",
]


@pytest.mark.parametrize("name", ODD_NAMES)
def test_a_sqlite_url_leads_back_to_its_file(name: str) -> None:
    """Fault 3.8."""
    settings = load({"DATANECTAR_PROJECT": f"/x/{name}"})

    assert sqlite_file(settings.database_url) == Path("/x") / name / ".datanectar" / "runs.db"
    assert sqlite_file(settings.queue_url) == Path("/x") / name / ".datanectar" / "queue.db"
    assert load(settings.environ()) == settings
