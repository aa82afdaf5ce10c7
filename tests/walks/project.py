"""A person's machine for the walks: a new Python that has the wheel, a folder, a terminal."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from tests.servers.processes import descendants, free_port, wait_for


@dataclass
class Person:
    """Somebody at a terminal, with the bare environment of a new machine.

    Args:
        bin: where the commands are that were installed.
        folder: where the commands are typed.
    """

    bin: Path
    folder: Path

    @property
    def environ(self) -> dict[str, str]:
        """Nothing but what a login gives."""
        return {"PATH": f"{self.bin}:/usr/bin:/bin", "HOME": str(self.folder)}

    def types(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Type a command and wait for its end."""
        return subprocess.run(
            words, env=self.environ, cwd=self.folder, capture_output=True, text=True, timeout=120
        )

    def succeeds(self, *words: str) -> str:
        """Type a command that ends well; return its standard output."""
        done = self.types(*words)
        assert done.returncode == 0, f"{words} ended with {done.returncode}:\n{done.stderr}"
        return done.stdout

    def starts_project(self, name: str) -> None:
        """Make a project and go into its folder; its ports are free ones."""
        self.succeeds("datanectar", "init", name)
        self.folder /= name
        settings = self.folder / "datanectar.toml"
        ports = f'port = {free_port()}\nluigid_url = "http://127.0.0.1:{free_port()}"\n'
        settings.write_text(settings.read_text() + ports)

    def pulls_the_plug(self) -> None:
        """SIGKILL ``datanectar up`` and all that it has started."""
        for pid in [self.service.pid, *descendants(self.service.pid)]:
            with suppress(ProcessLookupError):  # a run that has just ended
                os.kill(pid, signal.SIGKILL)
        self.service.wait()

    @contextmanager
    def up(self) -> Iterator[str]:
        """Have ``datanectar up`` in another terminal; give what it prints when it is ready."""
        out, err = self.folder / "up.out", self.folder / "up.err"
        with out.open("wb") as stream, err.open("wb") as errors:
            process = subprocess.Popen(
                ["datanectar", "up"], env=self.environ, executable=self.bin / "datanectar",
                cwd=self.folder, stdin=subprocess.DEVNULL, stdout=stream, stderr=errors,
            )  # fmt: skip
        self.service = process
        try:
            wait_for(
                lambda: process.poll() is not None or "Ctrl-C stops everything" in out.read_text(),
                "the banner is there",
            )
            assert process.poll() is None, err.read_text()
            yield out.read_text()
        finally:
            if process.poll() is None:
                process.send_signal(signal.SIGINT)
            process.wait(60)
