"""``luigi.s3`` as chains of datanectar 0.1 used it; Luigi has ``luigi.contrib.s3`` in its place."""

from __future__ import annotations

from typing import Any

import luigi


def S3Target(path: str, client: Any = None, **options: Any) -> luigi.Target:
    """Return the target of a file in S3, for the result of an old task the task's own.

    Args:
        path: its address, ``s3://<bucket>/<name>``.
        client: the ``s3client`` of an old task, which is the task itself; or one of Luigi's.
        options: those of Luigi's ``S3Target``.
    """
    from datanectar.legacy.tasks import LegacyTask

    if not isinstance(client, LegacyTask):
        from luigi.contrib import s3

        return s3.S3Target(path, client=client, **options)
    if path == client.get_s3target_path():
        return client.get_local_target()
    return S3Target(path, **options)
