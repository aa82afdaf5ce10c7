"""How a parent comes by its fork server: it shares that of ``datanectar up``, or starts its own."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time

from datanectar.settings import Settings

#: Names, in the environment of those who share a fork server, the socket on which to come to it.
FORK_SERVER_VARIABLE = "DATANECTAR_FORK_SERVER"
#: The argument with which a fork server is there for all who come.
SHARED = "--shared"
#: Seconds between looks whether a process that is not our child is gone.
_LOOK = 0.005


class ForkServerProcess:
    """The process that ends with a fork server, when it has cleared up after it: its guard.

    Args:
        control: the fork server's end of the socket on which it is to be asked.
        settings: the settings in force.
        may_share: whether it may be that of ``datanectar up``.
    """

    def __init__(self, control: socket.socket, settings: Settings, *, may_share: bool) -> None:
        #: Its pid, known once the fork server has said that it is ready.
        self.guard = 0
        is_shared = may_share and _join_shared(control)
        self._process = None if is_shared else _start(control, settings)

    @property
    def is_shared(self) -> bool:
        """Whether the fork server is not this process's alone."""
        return self._process is None

    def kill(self) -> None:
        """Kill it; harmless when it has ended."""
        if self._process is not None:
            self._process.kill()
        elif self._is_there():
            os.kill(self.guard, signal.SIGKILL)

    def wait(self, seconds: float) -> bool:
        """Return True when it has ended, False when it has not after so many seconds."""
        if self._process is not None:
            try:
                self._process.wait(seconds)
            except subprocess.TimeoutExpired:
                return False
            return True
        deadline = time.monotonic() + seconds
        while self._is_there():
            if time.monotonic() > deadline:
                return False
            time.sleep(_LOOK)
        return True

    def _is_there(self) -> bool:
        if not self.guard:
            return False
        try:
            os.kill(self.guard, 0)
        except OSError:
            return False
        return True


def fork_server_command(control: int, settings: Settings, *options: str) -> list[str]:
    """Return the command of a fork server that is asked on the descriptor ``control``."""
    module = [sys.executable, "-m", "datanectar.forkserver.server"]
    return [*module, str(control), *options, *settings.preload]


def fork_server_environ(settings: Settings) -> dict[str, str]:
    """Return the whole environment of a fork server, and so of its children."""
    paths = (str(settings.code), os.environ.get("PYTHONPATH", ""))
    environ = settings.environ_for_children(os.environ)
    environ.pop(FORK_SERVER_VARIABLE, None)
    return {**environ, "PYTHONPATH": os.pathsep.join(path for path in paths if path)}


def fork_server_folder(settings: Settings) -> str | None:
    """Return a fork server's working directory; None when that is not there."""
    return str(settings.code) if settings.code.is_dir() else None


def _join_shared(control: socket.socket) -> bool:
    """Send the shared fork server the end of a socket that is to be its; tell whether there is one."""
    descriptor = os.environ.get(FORK_SERVER_VARIABLE)
    if descriptor is None:
        return False
    try:
        with socket.socket(fileno=os.dup(int(descriptor))) as door:
            socket.send_fds(door, [b"P"], [control.fileno()], socket.MSG_DONTWAIT)
    except OSError:
        return False
    return True


def _start(control: socket.socket, settings: Settings) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        fork_server_command(control.fileno(), settings),
        pass_fds=[control.fileno()],
        stdin=subprocess.DEVNULL,
        start_new_session=True,
        cwd=fork_server_folder(settings),
        env=fork_server_environ(settings),
    )
