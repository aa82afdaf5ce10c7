"""What the pages' tests watch: tasks that go on when a file appears, and results of each kind."""

import json
import time
from datetime import date
from pathlib import Path

import luigi

from datanectar import NectarTask

PNG = bytes.fromhex(
    "89504e470d0a1a0a0000000d49484452000000010000000108060000001f15c489"
    "0000000d49444154789c626001000000ffff03000006000557bfabd40000000049454e44ae426082"
)


class SourceTask(NectarTask):
    """Is needed by the gated task."""

    number = luigi.IntParameter()
    of = luigi.Parameter()

    def run(self):
        print("\033[32mgreen words\033[0m of the source")
        with self.output().open("w") as out:
            out.write(str(self.number))


class WatchedTask(NectarTask):
    """Waits for a file before it goes on.

    Says in its log where it is.
    """

    name = luigi.Parameter(description="tells one run from another")
    count = luigi.IntParameter(default=2, description="how many sources")
    gate = luigi.Parameter(default="", significant=False, description="the file to wait for")
    day = luigi.DateParameter(default=date(2016, 6, 3))
    mode = luigi.ChoiceParameter(choices=["fast", "slow"], default="fast")
    strict = luigi.BoolParameter(default=True)
    weights = luigi.ListParameter(default=[1, 2], description="a weight for each source")
    output_name = "out.csv"

    def requires(self):
        return [SourceTask(number=number, of=self.name) for number in range(self.count)]

    def run(self):
        print("before the gate", flush=True)
        self.set_progress_percentage(50)
        self.set_status_message("at the gate")
        while self.gate and not Path(self.gate).exists():
            time.sleep(0.05)
        print("behind the gate")
        with self.output().open("w") as out:
            out.write(f"name,strict\n{self.name},{self.strict}\n")


class JsonTask(NectarTask):
    """Makes JSON under a name that says nothing."""

    def run(self):
        with self.output().open("w") as out:
            json.dump({"answer": [42, None]}, out)


class PictureTask(NectarTask):
    """Makes a picture."""

    output_name = "out.png"
    output_binary = True

    def run(self):
        with self.output().open("w") as out:
            out.write(PNG)


class ParquetTask(NectarTask):
    """Makes a table."""

    output_name = "out.parquet"

    def run(self):
        import pandas

        with self.output().temporary_path() as path:
            pandas.DataFrame({"n": [1, 2], "word": ["a", None]}).to_parquet(path)


class HtmlTask(NectarTask):
    """Logs and writes what would be markup."""

    words = luigi.Parameter(default="<b>bold</b>")

    def run(self):
        print("<script>document.title = 'taken over'</script>")
        with self.output().open("w") as out:
            out.write("<img src=x onerror=alert(1)>")


class FailingTask(NectarTask):
    """Fails."""

    def run(self):
        print("about to fail")
        raise RuntimeError("it was asked to")
