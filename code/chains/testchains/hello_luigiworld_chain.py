"""The smallest chain: one task says hello, another one greets in its wake, slowly."""

from __future__ import annotations

import time

import luigi

from datanectar import NectarTask


class TestS3Task(NectarTask):
    """Say hello to the world of Luigi, once a day.

    A ``NectarTask`` keeps its result in S3 in production, and in ``local_targets/`` on a laptop:
    the variable ``ENV`` decides, the code stays the same. Without parameters, a task's key is
    made of the date of the run: today's result stands until tomorrow.
    """

    def run(self) -> None:
        """Write the greeting."""
        print("Saying hello ...")
        with self.output().open("w") as out:
            out.write("Hello, Luigi world!\n")
        print("... said.")


class DownstreamTask(NectarTask):
    """Pass the hello on to somebody, in ten small steps: watch the progress and the log."""

    name = luigi.Parameter(default="datanectar", description="whom to greet")
    seconds = luigi.FloatParameter(
        default=3.0,
        significant=False,
        description="how long to take over it; changes nothing about the result, nor its key",
    )

    def requires(self) -> luigi.Task:
        """Wait for the hello that is to be passed on."""
        return TestS3Task()

    def run(self) -> None:
        """Work for a while, saying how far it is, then write the greeting."""
        with self.input().open("r") as hello:
            greeting = hello.read().strip()
        print(f"To pass on to {self.name}: {greeting}")
        for step in range(1, 11):
            time.sleep(self.seconds / 10)
            print(f"step {step} of 10")
            self.set_progress_percentage(10 * step)
            self.set_status_message(f"step {step} of 10")
        with self.output().open("w") as out:
            out.write(f"{greeting} And hello, {self.name}!\n")
