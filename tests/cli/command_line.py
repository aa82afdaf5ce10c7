"""The command line as a real process, for the tests of every command."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from tests.servers.stack import Stack


def command(stack: Stack, *arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
    """Run a command against the app of a stack, in its project."""
    return subprocess.run(
        [sys.executable, "-m", "datanectar", *arguments],
        env={**stack.environment, "DATANECTAR_URL": stack.url, **environ},
        cwd=stack.project,
        capture_output=True,
        text=True,
        timeout=60,
    )


def in_project(folder: Path, *arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
    """Run a command in a folder, with next to nothing in the environment."""
    return subprocess.run(
        [sys.executable, "-m", "datanectar", *arguments],
        env={"PATH": os.environ["PATH"], "HOME": str(folder), **environ},
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=60,
    )
