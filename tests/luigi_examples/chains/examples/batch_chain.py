"""Several tasks done as one: by the largest parameter, and by all of them as a list."""

import luigi

from chains.examples.evidence import folder, ran


class LoadTask(luigi.Task):
    number = luigi.IntParameter(batch_method=max)
    table = luigi.Parameter(default="rows")

    def output(self):
        return luigi.LocalTarget(str(folder(self) / f"{self.table}{self.number}.txt"))

    def run(self):
        ran(self)
        for number in range(self.number + 1):
            with LoadTask(number, self.table).output().open("w") as out:
                out.write(f"by {self.number}")


class MailTask(luigi.Task):
    who = luigi.Parameter(batch_method=lambda names: ",".join(sorted(names)))
    max_batch_size = 10

    def output(self):
        names = self.who.split(",")
        return [luigi.LocalTarget(str(folder(self) / f"mail-{name}.txt")) for name in names]

    def run(self):
        ran(self)
        for target in self.output():
            with target.open("w") as out:
                out.write(f"one of {len(self.output())}")


class LoadAllTask(luigi.WrapperTask):
    def requires(self):
        return [LoadTask(number) for number in range(5)]


class MailAllTask(luigi.WrapperTask):
    def requires(self):
        return [MailTask(who) for who in ("ann", "bob", "cem", "dan")]
