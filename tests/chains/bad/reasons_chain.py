"""Tasks that fail, each with a reason that its traceback hides."""

import luigi
from luigi.contrib.external_program import ExternalProgramTask


class QueryTask(luigi.Task):
    """A library ends its message with a link."""

    def run(self):
        import sqlalchemy

        with sqlalchemy.create_engine("sqlite://").connect() as db:
            db.execute(sqlalchemy.text("select * from bikes"))


class TwoLinesTask(luigi.Task):
    """The reason is in the first line."""

    def run(self):
        raise RuntimeError("Station 7 is broken\n  see the manual")


class ConvertTask(ExternalProgramTask):
    """A program fails."""

    def program_args(self):
        return ["sh", "-c", "echo no such codec >&2; exit 3"]


class ConvertApartTask(ConvertTask):
    """A program fails below a process of its own."""

    worker_timeout = 50


class ProgramInCompleteTask(ConvertTask):
    """A program fails before anything runs."""

    def complete(self):
        self.run()


class SilentTask(luigi.Task):
    """Its author's on_failure returns nothing."""

    words = luigi.OptionalParameter(default=None)

    def run(self):
        raise ValueError("no good")

    def on_failure(self, problem):
        return self.words


class FailsTwiceTask(SilentTask):
    """Its author's on_failure fails."""

    def on_failure(self, problem):
        raise LookupError("whom to tell?")


class InitTask(luigi.Task):
    """Can't be made."""

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        raise RuntimeError("Station 7\nis broken")


class OutputTask(luigi.Task):
    """Can't say where its result is."""

    def output(self):
        raise RuntimeError("Station 7\nis broken")


class BreakpointTask(luigi.Task):
    """Was left with a breakpoint."""

    def run(self):
        breakpoint()  # noqa: T100
        print("next line")
