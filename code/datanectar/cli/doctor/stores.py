"""Checks of the run store, the queue and S3."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from datetime import datetime, timezone
from email.utils import parsedate_to_datetime
from typing import Any

from datanectar import reasons
from datanectar.cli.doctor.finding import BAD, GOOD, NOTICE, Finding
from datanectar.errors import DatanectarError
from datanectar.settings import Settings, sqlite_file

#: Seconds between this machine's clock and the store's: worth knowing; too much for S3, which
#: refuses requests that are a quarter of an hour off (``RequestTimeTooSkewed``).
_SKEW, _MOST_SKEW = 30, 900
_BUCKET_CURE = (
    "Set what the message names: AWS_ENDPOINT_URL_S3, credentials, ENV and PROJECT_BUCKET. A bucket "
    "that is missing is made by `datanectar up`, where the credentials allow it."
)
_DATABASE = {
    "run store": ("DATANECTAR_DATABASE_URL", "database_url"),
    "queue": ("DATANECTAR_QUEUE_URL", "queue_url"),
}


def check_databases(settings: Settings) -> Iterator[Finding]:
    """Check that the run store and the queue can be reached and read."""
    for subject, (variable, field) in _DATABASE.items():
        url = getattr(settings, field)
        scheme = url.partition(":")[0].partition("+")[0]
        try:
            message = _look_into(subject, scheme, url)
        except Exception as problem:  # each queue has its own driver's errors
            words = getattr(problem, "message", None) or reasons.of_exception(problem)
            cure = f"Start the server, or check {variable}."
            if scheme == "sqlite":
                cure = f"Move {sqlite_file(url)} away, or restore it from a backup."
            yield Finding(BAD, subject, words, cure)
        else:
            yield Finding(GOOD, subject, message)


def _look_into(subject: str, scheme: str, url: str) -> str:
    if scheme == "sqlite" and not sqlite_file(url).exists():
        return f"{sqlite_file(url)}, made when it is needed"
    if subject == "queue":
        from datanectar.queue import RunQueue

        RunQueue(url).size()
    else:
        from datanectar.runs.store import RunStore

        RunStore(url).active_counts()
    return str(sqlite_file(url)) if scheme == "sqlite" else f"{scheme} responds"


def check_s3(settings: Settings) -> Iterator[Finding]:
    """Check the bucket, that it can be written to, and this machine's clock; nothing in local mode."""
    if settings.is_local:
        return
    from datanectar.storage.bucket.client import Clients

    clients = Clients(settings.bucket)
    try:
        with clients.request("HeadBucket") as client:
            response = client.head_bucket(Bucket=settings.bucket)
    except DatanectarError as problem:
        yield Finding(BAD, "bucket", problem.message, _BUCKET_CURE)
        refusal = getattr(problem.__cause__, "response", {})
        clock = _clock(
            refusal
        )  # S3 refuses whoever's clock is far off, and a HEAD does not say why
        if clock.level == BAD:
            yield clock
        return
    yield Finding(GOOD, "bucket", settings.bucket)
    yield _clock(response)
    yield _writing(clients, settings.bucket)


def _clock(response: dict[str, Any]) -> Finding:
    there = response.get("ResponseMetadata", {}).get("HTTPHeaders", {}).get("date")
    if not there:
        return Finding(NOTICE, "clock", "the store does not say its time")
    skew = (datetime.now(timezone.utc) - parsedate_to_datetime(there)).total_seconds()
    message = f"{abs(skew):.0f} s {'before' if skew > 0 else 'behind'} the store's"
    if abs(skew) < _SKEW:
        return Finding(GOOD, "clock", message)
    level = BAD if abs(skew) > _MOST_SKEW else NOTICE
    return Finding(level, "clock", message, "Set this machine's clock, by NTP at best.")


def _writing(clients: Any, bucket: str) -> Finding:
    """Write a file below ``chains/``, where results go, and delete it."""
    key = f"chains/doctor-{secrets.token_hex(8)}"
    try:
        with clients.request(f"PutObject of {key}") as client:
            client.put_object(Bucket=bucket, Key=key, Body=b"")
            client.delete_object(Bucket=bucket, Key=key)
    except DatanectarError as problem:
        cure = "Allow the credentials s3:PutObject and s3:DeleteObject for chains/*."
        return Finding(BAD, "S3 access", problem.message, cure)
    return Finding(GOOD, "S3 access", "files below chains/ can be written and deleted")
