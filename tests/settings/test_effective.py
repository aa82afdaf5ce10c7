"""Settings as they may be shown."""

from __future__ import annotations

from datanectar.settings import load, shown_rows


def test_no_token_and_no_password_is_shown() -> None:
    in_force = load(
        {
            "DATANECTAR_TOKENS": "a-secret-of-16-chars:read another-of-16-chars",
            "DATANECTAR_DATABASE_URL": "postgresql://me:pa/s@s@db/runs",
            "DATANECTAR_QUEUE_URL": "redis://:hidden@queue:6379",
            "DATANECTAR_COMPLETE": "1",
        }
    )
    values = {row["name"]: row["value"] for row in shown_rows(in_force)}
    assert values["tokens"] == "*** ***"
    assert values["database_url"] == "postgresql://me:***@db/runs"
    assert values["queue_url"] == "redis://:***@queue:6379"
