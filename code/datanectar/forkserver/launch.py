"""How a parent gets a fork server: it starts one, or joins one that others share."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import psutil


@dataclass(frozen=True)
class Spec:
    """What a fork server and its children are.

    Args:
        target: ``package.module:function``, called in each child; see ``__main__``.
        encode: turns a job into one line of bytes, which ends with a line feed.
        decode: turns a line from a child into a report, or raises ValueError.
        preload: modules that the fork server imports, before the target's.
        warmup: a module that warms the fork server up and rehearses roles; see ``__main__``.
        title: what process titles begin with.
        environ: the whole environment of the fork server and its children; None: this process's.
        folder: their working directory; None: this process's.
    """

    target: str
    encode: Callable[[Any], bytes]
    decode: Callable[[bytes], Any]
    preload: Sequence[str] = ()
    warmup: str | None = None
    title: str = "python"
    environ: Mapping[str, str] | None = None
    folder: str | None = None

    def command(self, control: int, *, shared: bool = False) -> list[str]:
        """Return the command of a fork server.

        Args:
            control: the descriptor of its socket.
            shared: whether parents join by sending their sockets there.
        """
        command = [sys.executable, "-m", "datanectar.forkserver", str(control), *self.preload]
        command += ["--target", self.target, "--title", self.title]
        command += ["--warmup", self.warmup] if self.warmup else []
        return [*command, "--shared"] if shared else command


class ForkServerProcess:
    """The process that ends once a fork server and all below it have ended: its watchdog.

    Args:
        control: the fork server's end of the socket on which this process will ask it.
        spec: what to start.
        listener: the descriptor of the socket on which to join a shared one; None: start one.
    """

    def __init__(self, control: socket.socket, spec: Spec, listener: int | None) -> None:
        #: Whether other parents have children there, to whom a child could be handed over.
        self.is_shared = listener is not None and _join(control, listener)
        self._process = None if self.is_shared else _start(control, spec)

    @property
    def pid(self) -> int | None:
        """Its pid; of a shared one once :meth:`on_ready` was called."""
        return self._process.pid if self._process else None

    def on_ready(self, pid: int) -> None:
        """Take note of the watchdog's pid, which the fork server has sent."""
        if self._process is None:
            with contextlib.suppress(psutil.NoSuchProcess):
                self._process = psutil.Process(pid)

    def kill(self) -> None:
        """Kill it; harmless when it has ended."""
        if self._process is not None:
            with contextlib.suppress(psutil.NoSuchProcess):
                self._process.kill()

    def wait(self, timeout: float) -> bool:
        """Return True as soon as it has ended, False when it has not after ``timeout`` seconds."""
        try:
            if self._process is not None:
                self._process.wait(timeout)
        except psutil.TimeoutExpired:
            return False
        return True


def _join(control: socket.socket, listener: int) -> bool:
    """Send the shared fork server its end of a socket; return whether there is one."""
    try:
        with socket.socket(fileno=os.dup(listener)) as shared:
            socket.send_fds(shared, [b"J"], [control.fileno()], socket.MSG_DONTWAIT)
    except OSError:
        return False
    return True


def _start(control: socket.socket, spec: Spec) -> psutil.Process:
    return psutil.Popen(
        spec.command(control.fileno()),
        pass_fds=[control.fileno()],
        stdin=subprocess.DEVNULL,
        start_new_session=True,
        cwd=spec.folder,
        env=spec.environ,
    )
