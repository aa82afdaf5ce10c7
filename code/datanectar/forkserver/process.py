"""How a parent comes by its zygote: it shares that of ``datanectar up``, or starts its own."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time

from datanectar.settings import Settings

#: Names, in the environment of those who share a zygote, the socket on which to come to it.
ZYGOTE_VARIABLE = "DATANECTAR_ZYGOTE"
#: The argument with which a zygote is there for all who come.
SHARED = "--shared"
#: Seconds between looks whether a process that is not our child is gone.
_LOOK = 0.005


class ZygoteProcess:
    """The process that ends with a zygote, when it has cleared up after it: its guard.

    Args:
        control: the zygote's end of the socket on which it is to be asked.
        settings: the settings in force.
        may_share: whether it may be that of ``datanectar up``.
    """

    def __init__(self, control: socket.socket, settings: Settings, *, may_share: bool) -> None:
        #: Its pid, known once the zygote has said that it is ready.
        self.guard = 0
        is_shared = may_share and _join_shared(control)
        self._process = None if is_shared else _start(control, settings)

    @property
    def is_shared(self) -> bool:
        """Whether the zygote is not this process's alone."""
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


def zygote_command(control: int, settings: Settings, *options: str) -> list[str]:
    """Return the command of a zygote that is asked on the descriptor ``control``."""
    module = [sys.executable, "-m", "datanectar.forkserver.server"]
    return [*module, str(control), *options, *settings.preload]


def zygote_environ(settings: Settings) -> dict[str, str]:
    """Return the whole environment of a zygote, and so of its children."""
    paths = (str(settings.code), os.environ.get("PYTHONPATH", ""))
    environ = settings.environ_for_children(os.environ)
    environ.pop(ZYGOTE_VARIABLE, None)
    return {**environ, "PYTHONPATH": os.pathsep.join(path for path in paths if path)}


def zygote_folder(settings: Settings) -> str | None:
    """Return a zygote's working directory; None when that is not there."""
    return str(settings.code) if settings.code.is_dir() else None


def _join_shared(control: socket.socket) -> bool:
    """Send the shared zygote the end of a socket that is to be its; tell whether there is one."""
    descriptor = os.environ.get(ZYGOTE_VARIABLE)
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
        zygote_command(control.fileno(), settings),
        pass_fds=[control.fileno()],
        stdin=subprocess.DEVNULL,
        start_new_session=True,
        cwd=zygote_folder(settings),
        env=zygote_environ(settings),
    )
