"""Tasks that do nothing wrong."""

import time

import luigi

from datanectar import NectarTask


class GreetTask(NectarTask):
    """Says hello."""

    name = luigi.Parameter(default="world", description="whom to greet")

    def run(self):
        print(f"greeting {self.name}")
        with self.output().open("w") as out:
            out.write(f"hello {self.name}\n")


class DailyTask(NectarTask):
    """Has no parameter, so it is made once a day."""

    def run(self):
        with self.output().open("w") as out:
            out.write("today\n")


class SleepTask(NectarTask):
    """Takes as long as it is told, and leaves a line in a file each time it runs."""

    name = luigi.Parameter()
    seconds = luigi.FloatParameter(default=0.0, significant=False)
    evidence = luigi.Parameter(default="", significant=False)

    def run(self):
        if self.evidence:
            with open(self.evidence, "a") as lines:
                lines.write(f"{self.name}\n")
        print("sleeping", flush=True)
        time.sleep(self.seconds)
        with self.output().open("w") as out:
            out.write(f"slept as {self.name}\n")
