"""Has one task whose default can't be written down, and a sound one."""

import luigi

from datanectar import NectarTask


class CrookedTask(NectarTask):
    day = luigi.DateParameter(default="not a date")


class SoundTask(NectarTask):
    name = luigi.Parameter(default="sound")
