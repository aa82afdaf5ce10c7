"""What Luigi's users rely on within one run; each task leaves lines in a file as evidence."""

import time
from pathlib import Path

import luigi

from datanectar import NectarTask


def note(evidence, line):
    with open(evidence, "a") as lines:
        lines.write(f"{line}\n")


class LeafTask(NectarTask):
    """Notes its begin and its end."""

    name = luigi.Parameter()
    seconds = luigi.FloatParameter(default=0.0, significant=False)
    evidence = luigi.Parameter(significant=False)

    def run(self):
        note(self.evidence, f"begin {self.name}")
        print(f"this is {self.name}")
        time.sleep(self.seconds)
        note(self.evidence, f"end {self.name}")
        with self.output().open("w") as out:
            out.write(f"{self.name}\n")


class DynamicTask(NectarTask):
    """Finds out twice, while it runs, what else it needs."""

    evidence = luigi.Parameter(significant=False)
    name = luigi.Parameter()

    def run(self):
        print("entered")
        first, second = yield [
            LeafTask(name=f"{self.name}-{n}", evidence=self.evidence) for n in (1, 2)
        ]
        print("after the first round")
        third = yield LeafTask(name=f"{self.name}-3", evidence=self.evidence)
        print("after the second round")
        with self.output().open("w") as out:
            for target in (first, second, third):
                with target.open() as stream:
                    out.write(stream.read())


class FileTask(luigi.ExternalTask):
    """A file that somebody else makes."""

    path = luigi.Parameter()

    def output(self):
        return luigi.LocalTarget(self.path)


class UseFileTask(NectarTask):
    """Needs a file that somebody else makes."""

    path = luigi.Parameter()

    def requires(self):
        return FileTask(path=self.path)

    def run(self):
        with self.input().open() as stream, self.output().open("w") as out:
            out.write(stream.read().upper())


class AllTask(luigi.WrapperTask):
    """Is done when two others are."""

    name = luigi.Parameter()
    evidence = luigi.Parameter(significant=False)

    def requires(self):
        return [LeafTask(name=f"{self.name}-{n}", evidence=self.evidence) for n in (1, 2)]


class RankedTask(LeafTask):
    """The last shall be first."""

    rank = luigi.IntParameter()

    @property
    def priority(self):
        return self.rank


class RanksTask(luigi.WrapperTask):
    """Needs tasks of every rank."""

    evidence = luigi.Parameter(significant=False)

    def requires(self):
        return [RankedTask(name=f"r{n}", rank=n, evidence=self.evidence) for n in (2, 4, 1, 5, 3)]


class ScarceTask(LeafTask):
    """Needs the only unit of something."""

    resources = {"the_only_unit": 1}


class MeetTask(NectarTask):
    """Ends only when so many others of its kind run at the same time."""

    name = luigi.Parameter()
    place = luigi.Parameter(significant=False)
    others = luigi.IntParameter(significant=False)

    def run(self):
        place = Path(self.place)
        print(f"{self.name} is here")
        (place / self.name).touch()
        deadline = time.monotonic() + 30
        while len(list(place.iterdir())) < self.others:
            if time.monotonic() > deadline:
                raise TimeoutError(f"{self.name} stayed alone")
            time.sleep(0.02)
        with self.output().open("w") as out:
            out.write(self.name)


class WideTask(luigi.WrapperTask):
    """Has its parts done by three processes at a time."""

    workers = 3
    name = luigi.Parameter()
    place = luigi.Parameter(significant=False)

    def requires(self):
        return [MeetTask(name=f"{self.name}{n}", place=self.place, others=3) for n in range(3)]


class PlainTask(luigi.Task):
    """Knows nothing of keys: its own output decides."""

    path = luigi.Parameter()

    def output(self):
        return luigi.LocalTarget(self.path)

    def run(self):
        print("plain")
        with self.output().open("w") as out:
            out.write("plain\n")


class BatchTask(luigi.Task):
    """Does several numbers in one go, up to the largest."""

    n = luigi.IntParameter(batch_method=max)
    folder = luigi.Parameter()
    max_batch_size = 10

    def output(self):
        return luigi.LocalTarget(f"{self.folder}/{self.n}")

    def run(self):
        note(f"{self.folder}/evidence", f"up to {self.n}")
        for n in range(self.n + 1):
            Path(self.folder, str(n)).touch()


class BatchesTask(luigi.WrapperTask):
    """Needs five numbers."""

    folder = luigi.Parameter()

    def requires(self):
        return [BatchTask(n=n, folder=self.folder) for n in range(5)]


class NeedsLeafTask(NectarTask):
    """Needs a leaf that others may be making too."""

    name = luigi.Parameter()
    leaf = luigi.Parameter()
    seconds = luigi.FloatParameter(default=0.0, significant=False)
    evidence = luigi.Parameter(significant=False)

    def requires(self):
        return LeafTask(name=self.leaf, seconds=self.seconds, evidence=self.evidence)

    def run(self):
        note(self.evidence, f"need {self.name}")
        with self.output().open("w") as out:
            out.write(self.name)


class SecretLeafTask(LeafTask):
    """Has a parameter that Luigi hides from everybody."""

    secret = luigi.Parameter(visibility=luigi.parameter.ParameterVisibility.PRIVATE)


class NeedsSecretTask(NectarTask):
    """Needs a task with a hidden parameter."""

    name = luigi.Parameter()
    evidence = luigi.Parameter(significant=False)

    def requires(self):
        return SecretLeafTask(name=self.name, secret="s3cret", evidence=self.evidence)

    def run(self):
        with self.output().open("w") as out:
            out.write(self.name)
