"""One process under ``datanectar up``: how it is started, stopped, and started again when it dies."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass

#: A process that lives shorter than this, in seconds, counts as failing to start.
_SHORT_LIFE = 5.0
#: Seconds before a process that died is started again: at first, and at most, after many short
#: lives. A database that is away for an hour must not end the app.
_FIRST_PAUSE, _LONGEST_PAUSE = 0.2, 15.0
#: So many short lives count at most: by then the pause is the longest.
_COUNTED_LIVES = 10


@dataclass
class ManagedProcess:
    """A process that the supervisor keeps running.

    Args:
        name: what the user calls it.
        command: the program and its arguments.
        environ: its whole environment.
        folder: its working directory; None: the supervisor's.
        sockets: descriptors that it inherits.
        may_end: whether it is not started again once it has ended with exit code 0.
    """

    name: str
    command: list[str]
    environ: dict[str, str]
    folder: str | None = None
    sockets: tuple[int, ...] = ()
    may_end: bool = False
    process: subprocess.Popen[bytes] | None = None
    begun: float = 0.0
    short_lives: int = 0
    restart_at: float | None = None

    def start(self) -> None:
        """Start the process, in a session of its own: Ctrl-C reaches the supervisor alone."""
        self.begun = time.monotonic()
        self.restart_at = None
        self.process = subprocess.Popen(
            self.command,
            env={**self.environ, "DATANECTAR_SUPERVISED": str(os.getpid())},
            cwd=self.folder,
            pass_fds=self.sockets,
            start_new_session=True,
        )

    def ask_to_stop(self) -> None:
        """Send SIGTERM; does not wait."""
        if self.process is not None and self.process.poll() is None:
            self.process.terminate()

    def stop(self, limit: float) -> None:
        """Send SIGTERM, and SIGKILL to the process's group if it has not ended after ``limit`` seconds."""
        if self.process is None:
            return
        self.ask_to_stop()
        try:
            self.process.wait(limit)
        except subprocess.TimeoutExpired:
            with contextlib.suppress(OSError):
                os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()

    def has_died(self) -> bool:
        """Tell whether the process has ended by itself."""
        return self.process is not None and self.process.poll() is not None

    def has_left(self) -> bool:
        """Tell whether the process has ended as it was told to, and stays so."""
        return self.may_end and self.process is not None and self.process.poll() == 0

    def revive(self, report: Callable[[str], None]) -> None:
        """Start a process that has died again: after a pause, so call this until it lives."""
        if self.restart_at is None:
            code = self.process.returncode if self.process else None
            self._put_off(f"ended (exit code {code})", report)
        elif time.monotonic() >= self.restart_at:
            try:
                self.start()
            except OSError as problem:  # no processes, descriptors or memory left for now
                self._put_off(f"could not be started ({problem})", report)

    def _put_off(self, why: str, report: Callable[[str], None]) -> None:
        """Set the time of the next start; the more lives were short, the longer the pause."""
        now = time.monotonic()
        is_short = now - self.begun < _SHORT_LIFE
        self.short_lives = min(self.short_lives + 1, _COUNTED_LIVES) if is_short else 0
        pause = min(_FIRST_PAUSE * 2**self.short_lives, _LONGEST_PAUSE)
        self.restart_at = now + pause
        report(f"{self.name} {why}; starting it again in {pause:g} s.")
