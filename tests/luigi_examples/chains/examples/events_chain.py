"""Handlers of events, by class and by instance method, and of the process's end."""

import atexit
from pathlib import Path

import luigi

from chains.examples.evidence import Noted, folder, ran


def note(task, line):
    with (folder(task) / "events.txt").open("a") as out:
        out.write(f"{line}\n")


class FineTask(Noted):
    def on_success(self):
        note(self, f"success {self.task_id}")


class SilentTask(luigi.Task):
    """No output."""

    def run(self):
        ran(self)

    def on_success(self):
        note(self, f"success {self.task_id}")


class FailTask(luigi.Task):
    def output(self):
        return luigi.LocalTarget(str(folder(self) / "fail.txt"))

    def run(self):
        ran(self)
        raise RuntimeError("no")

    def on_failure(self, exception):
        note(self, f"failure {self.task_id} {exception}")
        return "told"


@luigi.Task.event_handler(luigi.Event.SUCCESS)
def succeeded(task):
    note(task, f"event success {task.task_id}")


@FailTask.event_handler(luigi.Event.FAILURE)
def failed(task, exception):
    note(task, f"event failure {task.task_id} {exception}")


def say_bye():
    place = Path("made/events_chain")
    if (place / "ran").exists():  # no process that only looked at the chain
        (place / "bye.txt").write_text("bye")


atexit.register(say_bye)
