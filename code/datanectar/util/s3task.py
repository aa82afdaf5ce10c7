"""The base class of tasks that always keep their results in S3."""

from __future__ import annotations

from datanectar.util.nectartask import NectarTask


class NectarS3Task(NectarTask):
    """A :class:`NectarTask` that keeps its result in the bucket, whatever ``ENV`` names.

    The bucket is ``<ENV>.<PROJECT_BUCKET>``.
    """

    storage_name = "s3"
