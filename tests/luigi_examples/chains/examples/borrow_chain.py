"""Tasks of another chain as requirements."""

from chains.examples.evidence import Noted
from chains.examples.foo_chain import BarTask
from chains.examples.once_chain import LoadTask


class TakeTask(Noted):
    def requires(self):
        return [BarTask(100), LoadTask(table="borrowed")]

    def text(self):
        return "".join(one.open().read() for one in self.input())
