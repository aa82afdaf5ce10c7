"""The task classes of datanectar 0.1, with the methods that chains called."""

from __future__ import annotations

import luigi

from datanectar.legacy import s3
from datanectar.settings import current
from datanectar.util.nectartask import NectarTask, output_name
from datanectar.util.target import NectarTarget

luigi.s3 = s3  # chains say `luigi.s3.S3Target` and import `luigi` alone


class LegacyTask(NectarTask):
    """What the classes of 0.1 share."""

    @property
    def s3client(self) -> LegacyTask:
        """Return what ``luigi.s3.S3Target`` takes as its client: it finds the store by the task."""
        return self

    def get_local_target(self) -> NectarTarget:
        """Return the result's target, as :meth:`NectarTask.output` does."""
        return NectarTask.output(self)

    def get_s3target_path(self) -> str:
        """Return the address that the result has in the bucket."""
        return f"s3://{current().bucket}/{self.get_s3target_relative_path()}"

    def get_s3target_relative_path(self) -> str:
        """Return the result's name in the bucket."""
        return f"{self.key}/{output_name(type(self))}"

    def chain_type(self) -> str:
        """Return the type of the chain that the task belongs to."""
        return self.key.type


class NectarS3Task(LegacyTask):
    """``util.s3task.NectarS3Task`` of 0.1: its chains chose the place of results by ``ENV``."""


class NectarLocalTask(LegacyTask):
    """``util.nectar_local_task.NectarLocalTask`` of 0.1: its results are on this disk."""

    storage_name = "local"
