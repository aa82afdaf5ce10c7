"""``pathutils`` of datanectar 0.1."""

from __future__ import annotations

from datanectar.settings import current


def project_path() -> str:
    """Return the project's folder. Its ``code/`` is on ``sys.path`` by now without that."""
    return str(current().project)
