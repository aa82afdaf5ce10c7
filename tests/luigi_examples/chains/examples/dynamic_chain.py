"""What a task needs shows while it runs."""

import luigi

from chains.examples.evidence import Noted, folder, ran


class Seeds(luigi.Config):
    first = luigi.IntParameter(default=1)


class DataTask(Noted):
    magic = luigi.IntParameter()

    def output(self):
        return luigi.LocalTarget(str(folder(self) / f"data{self.magic}.txt"))

    def text(self):
        return str(self.magic * 3 % 11)


class DynamicTask(Noted):
    def run(self):
        ran(self)
        first = yield DataTask(Seeds().first)
        with first.open() as source:
            number = int(source.read())
        several = yield [DataTask(number), DataTask(number + 1)]
        named = yield {"last": DataTask(20)}
        with self.output().open("w") as out:
            for target in [*several, named["last"]]:
                out.write(target.open().read() + "\n")
