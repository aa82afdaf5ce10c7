"""One POST to a receiver that nobody vouches for: bounded in time, in bytes and in where it goes.

It is sent to the address that was checked, and not to one that another look at the host's name
would give. Redirects are not followed. The time limit holds for all of it: a library's would hold
for each wait alone, and a receiver may send a byte before each ends.
"""

from __future__ import annotations

import http.client
import socket
import ssl
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from urllib.parse import SplitResult, urlsplit

from datanectar.notifications.sending.addresses import resolve

#: Seconds that a connection may take, and all that follows it.
CONNECT_SECONDS, SECONDS = 5.0, 10.0
#: Bytes that are read of an answer.
_READ = 1000


@dataclass(frozen=True)
class Answer:
    """What came of sending; ``code`` is the HTTP status, None: there was no answer."""

    is_ok: bool
    text: str
    code: int | None = None


def post(url: str, headers: Mapping[str, str], body: bytes, networks: Sequence[str]) -> Answer:
    """Send a POST, and return what came of it, whatever the receiver does.

    Args:
        url: where to, by http or https.
        headers: those of the request, besides ``Host`` and ``Content-Length``.
        body: the request's.
        networks: the networks that may be reached though they are not public.
    """
    parts = urlsplit(url)
    try:
        with _connected(parts, networks) as connection:
            connection.request("POST", _target(parts), body, dict(headers))
            response = connection.getresponse()
            text = response.read(_READ).decode(errors="replace")
    except (OSError, http.client.HTTPException, ValueError) as problem:
        return Answer(False, _reason(problem))
    if 300 <= response.status < 400:
        text = f"a redirect to {response.headers.get('Location', '')[:300]}, which is not followed"
    return Answer(200 <= response.status < 300, text, response.status)


@contextmanager
def _connected(parts: SplitResult, networks: Sequence[str]) -> Iterator[http.client.HTTPConnection]:
    host, is_tls = parts.hostname or "", parts.scheme == "https"
    port = parts.port or (443 if is_tls else 80)
    plain = _open(host, port, networks)
    stream = _tls(plain, host) if is_tls else plain
    # Not the TLS way, which would wait for the receiver.
    is_over = threading.Event()
    limit = threading.Timer(SECONDS, _shut_down, [stream, is_over])
    limit.start()
    try:
        if isinstance(stream, ssl.SSLSocket):
            stream.do_handshake()
        connection = http.client.HTTPConnection(host, port)
        connection.default_port = 443 if is_tls else 80
        connection.sock = stream
        yield connection
        if is_over.is_set():  # what was cut off may look whole
            raise TimeoutError
    except (OSError, http.client.HTTPException) as problem:
        if is_over.is_set():
            raise TimeoutError(f"no answer within {SECONDS:g} s") from problem
        raise
    finally:
        limit.cancel()
        stream.close()


def _open(host: str, port: int, networks: Sequence[str]) -> socket.socket:
    """Return a connection to the first address of a host that takes one."""
    problem = OSError("no address")
    for address in resolve(host, port, networks)[:3]:
        try:
            stream = socket.create_connection((address, port), CONNECT_SECONDS)
        except OSError as why:
            problem = why
        else:
            stream.settimeout(SECONDS)
            return stream
    raise problem


def _tls(plain: socket.socket, host: str) -> ssl.SSLSocket:
    context = ssl.create_default_context()
    return context.wrap_socket(plain, server_hostname=host, do_handshake_on_connect=False)


def _shut_down(stream: socket.socket, is_over: threading.Event) -> None:
    is_over.set()
    try:
        socket.socket.shutdown(stream, socket.SHUT_RDWR)
    except OSError:  # it is closed already
        return


def _target(parts: SplitResult) -> str:
    return (parts.path or "/") + (f"?{parts.query}" if parts.query else "")


def _reason(problem: Exception) -> str:
    if isinstance(problem, TimeoutError) and not str(problem).startswith("no answer"):
        return f"no connection, or no answer, within {SECONDS:g} s"
    text = getattr(problem, "strerror", None) or str(problem) or type(problem).__name__
    return str(text)[:500]
