"""Targets of every format, and a file that a library writes by itself."""

from pathlib import Path

import luigi
from luigi import format as formats

from chains.examples.evidence import folder, ran


class WriteTask(luigi.Task):
    def output(self):
        place = folder(self)
        return {
            "text": luigi.LocalTarget(str(place / "a.txt"), format=formats.UTF8),
            "bytes": luigi.LocalTarget(str(place / "a.bin"), format=formats.Nop),
            "packed": luigi.LocalTarget(str(place / "a.gz"), format=formats.Gzip),
            "moved": luigi.LocalTarget(str(place / "deep" / "er" / "a.csv")),
        }

    def run(self):
        ran(self)
        with self.output()["text"].open("w") as out:
            out.write("Grüße 你好\n")
        with self.output()["bytes"].open("w") as out:
            out.write(bytes(range(256)))
        with self.output()["packed"].open("w") as out:
            out.write(b"packed")
        with self.output()["moved"].temporary_path() as path:
            Path(path).write_text("1,2\n")


class ReadTask(luigi.Task):
    def requires(self):
        return WriteTask()

    def output(self):
        return luigi.LocalTarget(str(folder(self) / "read.txt"))

    def run(self):
        ran(self)
        with self.output().open("w") as out:
            for name in ("text", "bytes", "packed", "moved"):
                with self.input()[name].open("r") as source:
                    out.write(repr(source.read()) + "\n")
