"""Every setting of datanectar. To add one, add a row to ``declarations.Settings``; nothing else."""

from datanectar.settings.declarations import (
    OTHER_VARIABLES,
    Settings,
    field_of,
    rows,
)
from datanectar.settings.effective import shown_rows
from datanectar.settings.hosts import in_url, is_loopback
from datanectar.settings.kinds import sqlite_file, sqlite_url
from datanectar.settings.loading import current, is_configured, keep, load, load_with_sources
from datanectar.settings.project_file import PROJECT_HEADER, project_id

__all__ = [
    "OTHER_VARIABLES",
    "PROJECT_HEADER",
    "Settings",
    "current",
    "field_of",
    "in_url",
    "is_configured",
    "is_loopback",
    "keep",
    "load",
    "load_with_sources",
    "project_id",
    "rows",
    "shown_rows",
    "sqlite_file",
    "sqlite_url",
]
