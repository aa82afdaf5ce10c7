"""Streams of each day, added up by artist, and the best of them."""

import luigi

from chains.examples.evidence import Noted, folder


class StreamsTask(Noted):
    day = luigi.DateParameter()

    def output(self):
        return luigi.LocalTarget(str(folder(self) / f"streams-{self.day}.tsv"))

    def text(self):
        number = self.day.toordinal()
        return "".join(
            f"{self.day}\tartist{number * step % 13}\ttrack{step}\n" for step in range(40)
        )


class AggregateTask(Noted):
    period = luigi.DateIntervalParameter()

    def requires(self):
        return [StreamsTask(day) for day in self.period]

    def output(self):
        return luigi.LocalTarget(str(folder(self) / f"artists-{self.period}.tsv"))

    def text(self):
        counts = {}
        for source in self.input():
            with source.open("r") as lines:
                for line in lines:
                    artist = line.split("\t")[1]
                    counts[artist] = counts.get(artist, 0) + 1
        return "".join(f"{artist}\t{counts[artist]}\n" for artist in sorted(counts))


class TopArtistsTask(Noted):
    period = luigi.DateIntervalParameter()
    many = luigi.IntParameter(default=3)

    def requires(self):
        return AggregateTask(self.period)

    def output(self):
        return luigi.LocalTarget(str(folder(self) / f"top-{self.period}.tsv"))

    def text(self):
        with self.input().open() as lines:
            rows = [line.strip().split("\t") for line in lines]
        rows.sort(key=lambda row: (-int(row[1]), row[0]))
        return "".join(f"{name}\t{count}\n" for name, count in rows[: self.many])
