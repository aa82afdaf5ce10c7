"""The settings in force, as they may be shown: without tokens and passwords."""

from __future__ import annotations

import re

from datanectar.settings.declarations import Settings, field_of, rows


def shown_rows(settings: Settings) -> list[dict[str, str]]:
    """Return ``name``, ``variable``, ``value``, ``default`` and ``help`` of every setting.

    Tokens, and passwords in URLs, are ``***``.
    """
    values = settings.environ()
    return [
        {
            "name": field_of(variable),
            "variable": variable,
            "value": _masked(variable, values[variable]),
            "default": default or "none",
            "help": help,
        }
        for variable, default, help in rows()
    ]


def _masked(variable: str, value: str) -> str:
    """Return a setting's value without its secrets: tokens, and passwords in URLs."""
    if variable == "DATANECTAR_TOKENS":
        return " ".join("***" for _ in value.split())
    if variable == "DATANECTAR_OIDC_CLIENT_SECRET":
        return "***" if value else ""
    value = re.sub(r"(://[^/@]*?):.*@", r"\1:***@", value)
    return re.sub(r"(?i)(password=)[^&]*", r"\1***", value)
