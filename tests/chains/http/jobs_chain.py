"""Tasks that wait for a file, fail until there is one, and write results of every kind."""

import os
import time

import luigi

from datanectar import NectarTask


def wait_for_file(path):
    while path and not os.path.exists(path):
        time.sleep(0.01)


class GatedTask(NectarTask):
    """Ends when the file ``gate`` is there; leaves a line in ``evidence`` when it begins."""

    name = luigi.Parameter()
    gate = luigi.Parameter(default="", significant=False)
    evidence = luigi.Parameter(default="", significant=False)

    def run(self):
        if self.evidence:
            with open(self.evidence, "a") as lines:
                lines.write(f"{self.name}\n")
        print(f"{self.name} has begun", flush=True)
        wait_for_file(self.gate)
        print(f"{self.name} goes on", flush=True)
        with self.output().open("w") as out:
            out.write(self.name)


class FlakyTask(NectarTask):
    """Fails until the file ``cure`` is there, then ends when ``gate`` is."""

    name = luigi.Parameter()
    cure = luigi.Parameter(significant=False)
    gate = luigi.Parameter(default="", significant=False)

    def run(self):
        if not os.path.exists(self.cure):
            print("the sick attempt says a lot " * 50)
            raise ValueError(f"{self.name} is sick")
        print("the cured attempt", flush=True)
        wait_for_file(self.gate)
        with self.output().open("w") as out:
            out.write("cured")


class NeedsFlakyTask(NectarTask):
    """Needs what fails until the file ``cure`` is there."""

    name = luigi.Parameter()
    cure = luigi.Parameter(significant=False)

    def requires(self):
        return FlakyTask(name=self.name, cure=self.cure)

    def run(self):
        print("is well")
        with self.output().open("w") as out:
            out.write("well")


class DribbleTask(NectarTask):
    """Writes bytes, given in hex, to its log; at each ``|`` it waits for the next gate."""

    pieces = luigi.Parameter()
    gate = luigi.Parameter(significant=False)

    def run(self):
        for number, piece in enumerate(self.pieces.split("|")):
            if number:
                wait_for_file(f"{self.gate}{number}")
            os.write(1, bytes.fromhex(piece))
        with self.output().open("w") as out:
            out.write("done")


class PageTask(NectarTask):
    output_name = "page.html"

    def run(self):
        with self.output().open("w") as out:
            out.write("<script>alert(1)</script>")


class PictureTask(NectarTask):
    output_name = "picture.png"
    output_binary = True

    def run(self):
        with self.output().open("w") as out:
            out.write(b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 40)


class PackedTask(NectarTask):
    output_name = "table.csv.gz"
    output_binary = True

    def run(self):
        with self.output().open("w") as out:
            out.write(b"\x1f\x8b...")


class NamedTask(NectarTask):
    """Its result's name has a blank and a letter beyond ASCII."""

    output_name = "Größe 2.csv"

    def run(self):
        with self.output().open("w") as out:
            out.write("a,b\n")


class TableTask(NectarTask):
    output_name = "table.csv"

    def run(self):
        with self.output().open("w") as out:
            out.write("a,b\n1,2\n")


class FamilyTask(NectarTask):
    """Needs two others."""

    name = luigi.Parameter()
    gate = luigi.Parameter(default="", significant=False)

    def requires(self):
        return [GatedTask(f"{self.name}-{n}", gate=self.gate) for n in (1, 2)]

    def run(self):
        with self.output().open("w") as out:
            out.write(" ".join(task.open().read() for task in self.input()))


class NamesTask(NectarTask):
    """Its parameters are called like words of ours."""

    type = luigi.Parameter()
    chain = luigi.Parameter()
    task = luigi.Parameter()
    path = luigi.Parameter()
    wait = luigi.Parameter()

    def run(self):
        with self.output().open("w") as out:
            out.write(f"{self.type} {self.chain} {self.task} {self.path} {self.wait}")
