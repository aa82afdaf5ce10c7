"""Passes TCP connections on to a server on loopback, until it is told not to."""

from __future__ import annotations

import contextlib
import socket
import threading


class Relay:
    """Listens on an address and passes every connection on.

    Args:
        host: the address to listen on.
        target: the port on loopback to pass on to.
    """

    def __init__(self, host: str, target: int) -> None:
        self._target = target
        self._open = threading.Event()
        self._open.set()
        self._refusing = False
        self._pairs: list[tuple[socket.socket, socket.socket]] = []
        self._listener = socket.create_server((host, 0))
        self.host, self.port = host, int(self._listener.getsockname()[1])
        threading.Thread(target=self._accept, daemon=True).start()

    def freeze(self) -> None:
        """Pass nothing on and say nothing, as a link that is down."""
        self._open.clear()

    def thaw(self) -> None:
        """Pass on again, what was held back first."""
        self._open.set()

    def refuse(self) -> None:
        """Break all connections and take no new ones, as when the server is down."""
        self._refusing = True
        for pair in self._pairs:
            for end in pair:
                with contextlib.suppress(OSError):
                    end.shutdown(socket.SHUT_RDWR)
        self._pairs.clear()

    def admit(self) -> None:
        """Take connections again."""
        self._refusing = False

    def close(self) -> None:
        """Stop for good."""
        self.thaw()
        self.refuse()
        self._listener.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                if self._refusing:
                    client.close()
                    continue
                try:
                    server = socket.create_connection(("127.0.0.1", self._target))
                except OSError:
                    client.close()
                    continue
                self._pairs.append((client, server))
                for source, sink in ((client, server), (server, client)):
                    threading.Thread(target=self._pump, args=(source, sink), daemon=True).start()

    def _pump(self, source: socket.socket, sink: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while piece := source.recv(1 << 16):
                self._open.wait()
                sink.sendall(piece)
        for end in (source, sink):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
