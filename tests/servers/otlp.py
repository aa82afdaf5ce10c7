"""A receiver of OpenTelemetry's traces over OTLP/HTTP, on loopback."""

from __future__ import annotations

import gzip
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from tests.servers.processes import wait_for


class Receiver:
    """Keeps the spans that it is sent.

    Args:
        port: the port that it listens on.
    """

    def __init__(self, port: int) -> None:
        self.url = f"http://127.0.0.1:{port}"
        self.spans: list[Any] = []

    def add(self, body: bytes) -> None:
        from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
            ExportTraceServiceRequest,
        )

        for resource in ExportTraceServiceRequest.FromString(body).resource_spans:
            process = attributes(resource.resource).get("datanectar.process", "")
            for scope in resource.scope_spans:
                self.spans += [Received(process, span) for span in scope.spans]

    def named(self, name: str, trace: str = "", **about: object) -> Received:
        """Return the one span of a name with these attributes (a dot as ``_``); wait for it.

        Args:
            trace: the trace that it is in; empty: any.
        """

        def found() -> list[Received]:
            named = [one for one in self.spans if one.name == name and one.has(about)]
            return [one for one in named if trace in ("", one.trace)]

        wait_for(found, f"there is a span {name} of {about}")
        (only,) = found()
        return only


class Received:
    """A span as the receiver got it."""

    def __init__(self, process: str, span: Any) -> None:
        self.process, self.name = process, str(span.name)
        self.trace, self.id = span.trace_id.hex(), span.span_id.hex()
        self.parent = span.parent_span_id.hex()
        self.attributes = attributes(span)
        self.began, self.ended = span.start_time_unix_nano, span.end_time_unix_nano
        self.error = span.status.message if span.status.code == 2 else None

    def has(self, about: dict[str, object]) -> bool:
        own = {name.replace(".", "_"): value for name, value in self.attributes.items()}
        return about.items() <= own.items()


def attributes(holder: Any) -> dict[str, Any]:
    return {one.key: getattr(one.value, one.value.WhichOneof("value")) for one in holder.attributes}


@contextmanager
def otlp_receiver() -> Iterator[Receiver]:
    """Run a receiver for the block."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            is_packed = self.headers.get("Content-Encoding") == "gzip"
            receiver.add(gzip.decompress(body) if is_packed else body)
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    receiver = Receiver(server.server_address[1])
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield receiver
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
