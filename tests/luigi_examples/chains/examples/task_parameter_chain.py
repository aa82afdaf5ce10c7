"""A task whose parameter is another task's class."""

import luigi

from chains.examples.evidence import Noted


class RedTask(Noted):
    name = "red.txt"


class BlueTask(Noted):
    name = "blue.txt"


class PaintTask(Noted):
    name = "painted.txt"
    colour = luigi.TaskParameter(default=RedTask)

    def requires(self):
        return self.colour()

    def text(self):
        return f"{self.colour.__name__} {self.input().open().read()}"
