"""Programs as tasks."""

import luigi
from luigi.contrib.external_program import ExternalProgramTask, ExternalPythonProgramTask

from chains.examples.evidence import folder, ran


class CopyTask(ExternalProgramTask):
    text = luigi.Parameter(default="hello")

    def output(self):
        return luigi.LocalTarget(str(folder(self) / "copied.txt"))

    def program_args(self):
        ran(self)
        return ["sh", "-c", f"echo {self.text}; echo {self.text} > {self.output().path}"]


class StopTask(ExternalProgramTask):
    def output(self):
        return luigi.LocalTarget(str(folder(self) / "stopped.txt"))

    def program_args(self):
        ran(self)
        return ["sh", "-c", "echo no such codec >&2; exit 3"]


class LoudTask(ExternalProgramTask):
    """A program without an output; it is told something by its environment."""

    capture_output = False

    def program_environment(self):
        return {**super().program_environment(), "WHERE": str(folder(self) / "loud.txt")}

    def program_args(self):
        ran(self)
        return ["sh", "-c", "echo loud > $WHERE"]


class PythonTask(ExternalPythonProgramTask):
    def output(self):
        return luigi.LocalTarget(str(folder(self) / "python.txt"))

    def program_args(self):
        ran(self)
        return ["python3", "-c", f"open({self.output().path!r}, 'w').write('python')"]
