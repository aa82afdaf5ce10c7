"""Which task runs first."""

import luigi

from chains.examples.evidence import Noted, folder


class StepTask(Noted):
    number = luigi.IntParameter()

    @property
    def priority(self):
        return self.number * 7 % 5

    def output(self):
        return luigi.LocalTarget(str(folder(self) / f"step{self.number}.txt"))

    def text(self):
        with (folder(self) / "order.txt").open("a") as out:
            out.write(f"{self.number}\n")
        return ""


class StepsTask(luigi.WrapperTask):
    def requires(self):
        return [StepTask(number) for number in range(5)]
