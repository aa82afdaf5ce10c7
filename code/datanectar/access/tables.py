"""The tables of accounts and sessions. Their migrations are those of the run store."""

from __future__ import annotations

from sqlalchemy import Column, Double, Index, Table

from datanectar.runs.tables import Json, SafeText, metadata

accounts = Table(
    "accounts",
    metadata,
    Column("name", SafeText, primary_key=True),
    Column("kind", SafeText, nullable=False),
    Column("scope", SafeText, nullable=False),
    Column("types", Json),
    Column("secret", SafeText, nullable=False),
    Column("created", Double, nullable=False),
    Column("expires", Double),
    Column("last_used", Double),
    Column("revoked", Double),
)
Index("ix_accounts_secret", accounts.c.secret)

# The id is the SHA-256 of what the browser's cookie has.
sessions = Table(
    "sessions",
    metadata,
    Column("id", SafeText, primary_key=True),
    Column("kind", SafeText, nullable=False),
    Column("name", SafeText, nullable=False),
    Column("proof", SafeText, nullable=False),
    Column("expires", Double, nullable=False),
)
Index("ix_sessions_expires", sessions.c.expires)

# Secrets that all web processes share: what signs cookies.
shared_secrets = Table(
    "shared_secrets",
    metadata,
    Column("name", SafeText, primary_key=True),
    Column("secret", SafeText, nullable=False),
)
