"""Words of a file from elsewhere, counted."""

import luigi

from chains.examples.evidence import Noted, folder


class TextFile(luigi.ExternalTask):
    day = luigi.DateParameter()

    def output(self):
        return luigi.LocalTarget(str(folder(self) / f"{self.day}.txt"))


class CountTask(Noted):
    interval = luigi.DateIntervalParameter()

    def requires(self):
        return [TextFile(day) for day in self.interval]

    def output(self):
        return luigi.LocalTarget(str(folder(self) / f"count-{self.interval}"))

    def text(self):
        counts = {}
        for source in self.input():
            with source.open("r") as lines:
                for word in lines.read().split():
                    counts[word] = counts.get(word, 0) + 1
        return "".join(f"{word}\t{counts[word]}\n" for word in sorted(counts))
