"""Tasks that keep no result, or say that they are never complete."""

import luigi

from datanectar import NectarTask


def note(evidence, line):
    with open(evidence, "a") as lines:
        lines.write(f"{line}\n")


class _Noting(luigi.Task):
    evidence = luigi.Parameter()

    def run(self):
        note(self.evidence, type(self).__name__)

    def on_success(self):
        note(self.evidence, "success")

    def on_failure(self, problem):
        note(self.evidence, "failure")


class NotifyTask(_Noting):
    """Has no output: posts, loads a table, prints."""


class NotifyApartTask(NotifyTask):
    """The same in a process of its own."""

    worker_timeout = 50


class FlakyTask(NotifyTask):
    """Works at the second try."""

    retry_count = 2

    def run(self):
        super().run()
        with open(self.evidence) as lines:
            if len(lines.readlines()) < 2:
                raise ValueError("not yet")


class AlwaysTask(_Noting):
    """Runs every time."""

    def output(self):
        return luigi.LocalTarget(f"{self.evidence}.out")

    def complete(self):
        return False

    def run(self):
        super().run()
        with self.output().open("w") as out:
            out.write("again")


class AlwaysNectarTask(NectarTask):
    """The same with a key."""

    name = luigi.Parameter(default="x")

    def complete(self):
        return False

    def run(self):
        with self.output().open("w") as out:
            out.write("again")


class NeverTask(AlwaysTask):
    """Declares an output and does not write it."""

    def run(self):
        note(self.evidence, "never")


class WrapTask(luigi.WrapperTask):
    """Is never complete, and requires nothing."""

    def complete(self):
        return False


class NeedsNotifyTask(_Noting):
    """Needs one that keeps nothing."""

    def requires(self):
        return NotifyTask(evidence=self.evidence)


class OwnWordTask(_Noting):
    """Takes its own word for it, whatever its output."""

    def output(self):
        return luigi.LocalTarget(f"{self.evidence}.none")

    def complete(self):
        try:
            with open(self.evidence) as lines:
                return bool(lines.readlines())
        except FileNotFoundError:
            return False


class WriteAndRaiseTask(luigi.Task):
    """Fails when its output is there already."""

    evidence = luigi.Parameter()

    def output(self):
        return luigi.LocalTarget(f"{self.evidence}.whole")

    def run(self):
        with self.output().open("w") as out:
            out.write("whole")
        raise ValueError("after all")


class Part(luigi.ExternalTask):
    """A file from elsewhere."""

    folder = luigi.Parameter()
    name = luigi.Parameter()

    def output(self):
        return luigi.LocalTarget(f"{self.folder}/{self.name}.csv")


class JoinTask(luigi.WrapperTask):
    """Needs eight files."""

    folder = luigi.Parameter()

    def requires(self):
        return [Part(folder=self.folder, name=letter) for letter in "hgfedcba"]
