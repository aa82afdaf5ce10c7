"""The fork server that the web and the worker of one ``datanectar up`` share."""

from __future__ import annotations

import select
import socket

from datanectar.child_pool import fork_server_spec
from datanectar.cli.up.process import ManagedProcess
from datanectar.settings import Settings


class SharedForkServer:
    """The process, and the socket pair by which the web and the worker reach it.

    Both ends stay open here: a fork server that died is started again on the same.
    """

    def __init__(self, settings: Settings) -> None:
        self._listener = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.socket, theirs = (end.fileno() for end in self._listener)
        spec = fork_server_spec(settings)
        command, environ = spec.command(theirs, shared=True), dict(spec.environ or {})
        self.process = ManagedProcess("fork server", command, environ, spec.folder, (theirs,))

    def is_ready(self) -> bool:
        """Tell whether the fork server has announced itself on the socket."""
        return bool(select.select([self.socket], [], [], 0)[0])
