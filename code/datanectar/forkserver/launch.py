"""What a fork server is, and how a parent gets one: it starts it, or joins one that others share."""

from __future__ import annotations

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


def start(control: socket.socket, spec: Spec) -> psutil.Process:
    """Start a fork server that is asked on a socket; return its watchdog, which ends after it."""
    return psutil.Popen(
        spec.command(control.fileno()),
        pass_fds=[control.fileno()],
        stdin=subprocess.DEVNULL,
        start_new_session=True,
        cwd=spec.folder,
        env=spec.environ,
    )


def join(control: socket.socket, listener: int) -> bool:
    """Send its end of a socket to the shared fork server at ``listener``; return False without one."""
    try:
        with socket.socket(fileno=os.dup(listener)) as shared:
            socket.send_fds(shared, [b"J"], [control.fileno()], socket.MSG_DONTWAIT)
    except OSError:
        return False
    return True
