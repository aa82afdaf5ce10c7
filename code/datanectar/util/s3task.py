"""The base class of tasks whose results always go to S3."""

from __future__ import annotations

from datanectar.util.nectartask import NectarTask


class NectarS3Task(NectarTask):
    """A :class:`NectarTask` that keeps its result in the bucket, whatever ``ENV`` says."""

    storage_name = "s3"
