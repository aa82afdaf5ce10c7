"""What the examples share: each task that runs leaves its id in ``made/<chain>/ran``."""

from pathlib import Path

import luigi


def folder(task):
    """Return the folder of a task's chain, made when it is not there."""
    place = Path("made", type(task).__module__.rpartition(".")[2])
    place.mkdir(parents=True, exist_ok=True)
    return place


def ran(task):
    """Note that a task runs."""
    with (folder(task) / "ran").open("a") as lines:
        lines.write(f"{task.task_id}\n")


class Noted(luigi.Task):
    """A task that notes that it runs, and writes what ``text`` returns to one file."""

    name = "out.txt"

    def output(self):
        return luigi.LocalTarget(str(folder(self) / self.name))

    def text(self):
        return f"{self.task_id}\n"

    def run(self):
        ran(self)
        with self.output().open("w") as out:
            out.write(self.text())
