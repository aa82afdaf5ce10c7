"""A TCP proxy before a server on loopback that can be slow, silent or refusing."""

from __future__ import annotations

import contextlib
import socket
import threading
import time


class Relay:
    """Listens on an address and passes every connection on.

    Args:
        host: the address to listen on.
        target: the port on loopback to pass on to.
        delay: how many seconds what a client sends is on its way; replies are passed on at once.
    """

    def __init__(self, host: str, target: int, delay: float = 0.0) -> None:
        self._target = target
        self._delay = delay
        #: How many HTTP requests have passed.
        self.requests = 0
        self._open = threading.Event()
        self._open.set()
        self._refusing = False
        self._pairs: list[tuple[socket.socket, socket.socket]] = []
        self._listener = socket.create_server((host, 0))
        self.host, self.port = host, int(self._listener.getsockname()[1])
        self.url = f"http://{host}:{self.port}"
        threading.Thread(target=self._accept, daemon=True).start()

    def freeze(self) -> None:
        """Pass nothing on and close nothing, like a network link that is down."""
        self._open.clear()

    def thaw(self) -> None:
        """Pass on again, beginning with what was held back."""
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
                for ends in ((client, server, self._delay), (server, client, 0.0)):
                    threading.Thread(target=self._pump, args=ends, daemon=True).start()

    def _pump(self, source: socket.socket, sink: socket.socket, delay: float) -> None:
        with contextlib.suppress(OSError):
            while piece := source.recv(1 << 16):
                self._open.wait()
                self.requests += piece.count(b" HTTP/1.1\r\n")
                time.sleep(delay)
                sink.sendall(piece)
        for end in (source, sink):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
