"""Parameters that are taken over: ``requires``, ``inherits`` and ``clone``."""

import luigi
from luigi.util import inherits, requires

from chains.examples.evidence import Noted


class PartTask(Noted):
    name = "part.txt"
    day = luigi.DateParameter()
    level = luigi.IntParameter(default=2)

    def text(self):
        return f"{self.day} {self.level}"


@requires(PartTask)
class NextTask(Noted):
    name = "next.txt"

    def text(self):
        return self.input().open().read() + " next"


@inherits(NextTask)
class LastTask(Noted):
    name = "last.txt"
    extra = luigi.Parameter(default="x")

    def requires(self):
        return {"next": self.clone(NextTask), "part": self.clone_parent().clone(PartTask)}

    def text(self):
        return f"{self.input()['next'].open().read()} {self.input()['part'].open().read()}"
