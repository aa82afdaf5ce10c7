"""Runs console sessions of the pages in a reader's shell, and compares what they show."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

from tests.docs.blocks import Command
from tests.docs.not_run import COMMANDS

#: How the pages write what is another text each time: the pattern, and what stands for it.
_VARYING = (
    (r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d)?([.,]\d+)?(Z|[+-]\d\d:?\d\d)?", "<time>"),
    (r"\b01[0-9a-hjkmnp-tv-z]{24}\b", "<run>"),
    (r"pid \d+", "pid <pid>"),
    (r"(?<=TestS3Task/)[0-9a-f]{32}", "<key of the day>"),
    (r"\s+", " "),
)
_END = "--- end of command"
#: A terminal shows no progress of curl's, and the errors among the rest.
_AS_IN_A_TERMINAL = 'exec 2>&1\ncurl() { command curl -sS "$@"; echo; }'


class Shell:
    """A reader's shell in a project, for the sessions of one page.

    Args:
        project: the folder in which every session begins.
        replaced: by text of the pages, the text that it is in this test: addresses, ports.
        environ: the environment.
    """

    def __init__(self, project: Path, replaced: dict[str, str], environ: dict[str, str]) -> None:
        self.project, self.replaced, self.environ = project, replaced, environ
        self._exports: list[str] = []
        self._groups: list[int] = []

    def __enter__(self) -> Shell:
        return self

    def __exit__(self, *_: object) -> None:
        """End what the sessions have started in the background."""
        for group in self._groups:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(group, signal.SIGTERM)

    def run(self, commands: list[Command]) -> None:
        """Run the commands of a session; fail at the first that shows something else.

        What the page exports holds for its later sessions.
        """
        meant = [command for command in commands if not command.text.startswith(tuple(COMMANDS))]
        if not meant:
            return
        lines = [f"{self._here(it.text)}\necho '{_END}'$?" for it in meant]
        script = "\n".join([_AS_IN_A_TERMINAL, *self._exports, *lines])
        shown = self._output_of(script).split(_END)
        codes = [int(text.partition("\n")[0]) for text in shown[1:]]
        outputs = [shown[0], *(text.partition("\n")[2] for text in shown[1:])]
        for command, code, output in zip(meant, codes, outputs, strict=False):
            self._compare(command, f"{output}[exit code {code}]\n" if code else output)
        self._exports += [self._here(it.text) for it in meant if it.text.startswith("export ")]

    def _output_of(self, script: str) -> str:
        # Background processes of a session keep its standard output open: hence a file.
        file = self.project / ".session"
        with file.open("w") as stream:
            process = subprocess.Popen(
                ["sh", "-c", script],
                cwd=self.project,
                env=self.environ,
                stdout=stream,
                stderr=subprocess.STDOUT,
                stdin=subprocess.DEVNULL,
                start_new_session=True,
            )
        self._groups.append(process.pid)
        assert process.wait(120) == 0, file.read_text()
        return file.read_text()

    def _here(self, text: str) -> str:
        for ours, theirs in self.replaced.items():
            text = text.replace(ours, theirs)
        return re.sub(r"(\.\./)?venv/bin/", "", text)

    def _compare(self, command: Command, output: str) -> None:
        for ours, theirs in self.replaced.items():
            output = output.replace(theirs, ours)
        if command.shown.strip():
            found = re.fullmatch(_pattern(command.shown), _plain(output), re.DOTALL)
            assert found, f"$ {command.text}\nshown:\n{command.shown}\nis:\n{output}"
        else:
            assert "[exit code" not in output, f"$ {command.text}\n{output}"


def environment(project: Path, **more: str) -> dict[str, str]:
    """Return the environment of a reader whose Python has datanectar."""
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    return {"PATH": path, "HOME": str(project), "COLUMNS": "200", **more}


def _plain(text: str) -> str:
    for pattern, stand_in in _VARYING:
        text = re.sub(pattern, stand_in, text)
    return text.strip()


def _pattern(shown: str) -> str:
    """Return the shown text as a pattern: ``...`` is any text, also none."""
    return re.sub(r"(\\ )?\\\.\\\.\\\.(\\ )?", ".*", re.escape(_plain(shown)))
