"""A command at a pseudo terminal, for tests of what a person sees."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys

from tests.servers.stack import Stack


def at_a_terminal(stack: Stack, *arguments: str, **environ: str) -> tuple[int, str]:
    """Run a command against the app of a stack; return the exit code, and all that is shown."""
    parent, child = os.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "datanectar", *arguments],
        env={
            **stack.environment,
            "DATANECTAR_URL": stack.url,
            "COLUMNS": "120",
            "TERM": "xterm",
            **environ,
        },
        cwd=stack.project,
        stdout=child,
        stderr=child,
    )
    os.close(child)
    shown = b""
    with contextlib.suppress(OSError):  # EIO: the other end is closed
        while piece := os.read(parent, 4096):
            shown += piece
    os.close(parent)
    return process.wait(30), shown.decode().replace("\r\n", "\n")
