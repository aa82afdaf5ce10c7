"""OpenTelemetry traces: from the request to the tasks that it leads to.

They are sent where the standard ``OTEL_*`` variables say, by ``datanectar[otel]``. Without either,
the functions here cost next to nothing, and pass on the ``traceparent`` that came.
"""

from __future__ import annotations

import contextlib
import logging
import os
import threading
import time
from collections.abc import Iterator, Mapping
from contextvars import ContextVar
from dataclasses import dataclass
from importlib.metadata import entry_points
from typing import TYPE_CHECKING, Any

from datanectar.telemetry.context import log_context

if TYPE_CHECKING:
    from opentelemetry.context import Context
    from opentelemetry.sdk.trace import TracerProvider

log = logging.getLogger(__name__)

Attributes = Mapping[str, Any]

_ENDPOINTS = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")
#: Seconds that the end of a process waits for the last spans to be sent.
_LAST_SPANS = 3.0


@dataclass
class Span:
    """What is going on now.

    Args:
        traceparent: names it for others; what came from outside while traces are off.
        sdk_span: OpenTelemetry's; None while traces are off.
    """

    traceparent: str | None
    sdk_span: Any = None

    def note(self, attributes: Attributes) -> None:
        """Add attributes; those that are None are left out."""
        if self.sdk_span is not None:
            self.sdk_span.set_attributes(_known(attributes))

    def rename(self, name: str) -> None:
        """Give it another name, once that is known."""
        if self.sdk_span is not None:
            self.sdk_span.update_name(name)

    def fail(self, reason: str) -> None:
        """Mark it as failed."""
        if self.sdk_span is not None:
            from opentelemetry.trace import Status, StatusCode

            self.sdk_span.set_status(Status(StatusCode.ERROR, reason))


_provider: TracerProvider | None = None
_current: ContextVar[Span] = ContextVar("datanectar_span", default=Span(None))  # noqa: B039
_next_id: ContextVar[int | None] = ContextVar("datanectar_next_span_id", default=None)


def set_up(process: str) -> None:
    """Send this process's spans, if the environment says where to and OpenTelemetry is installed.

    Args:
        process: what the process is: ``web`` or ``worker``.
    """
    global _provider
    exporters = _exporters()
    if not exporters:
        return
    try:
        _provider = _new_provider(process, exporters)
    except (ImportError, LookupError) as problem:
        log.warning(
            "No traces are sent, though the OTEL_* variables ask for them: %s. Install "
            "datanectar[otel], or set OTEL_SDK_DISABLED=true.",
            problem,
        )


def _exporters() -> list[str]:
    """Return the names of the exporters that are asked for: none unless a variable says so."""
    chosen = os.environ.get("OTEL_TRACES_EXPORTER", "")
    is_asked = chosen or any(os.environ.get(name) for name in _ENDPOINTS)
    if not is_asked or os.environ.get("OTEL_SDK_DISABLED", "").lower() == "true":
        return []
    protocol = os.environ.get(
        "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL",
        os.environ.get("OTEL_EXPORTER_OTLP_PROTOCOL", "http/protobuf"),
    )
    otlp = f"otlp_proto_{protocol.partition('/')[0]}"
    names = (name.strip() for name in (chosen or "otlp").split(","))
    return [otlp if name == "otlp" else name for name in names if name not in ("", "none")]


def _new_provider(process: str, exporters: list[str]) -> TracerProvider:
    from opentelemetry.sdk.resources import OTELResourceDetector, Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor
    from opentelemetry.sdk.trace.id_generator import RandomIdGenerator

    class Ids(RandomIdGenerator):
        """Gives a span the id that is expected of it, if there is one."""

        def generate_span_id(self) -> int:
            return _next_id.get() or super().generate_span_id()

    own = Resource({"service.name": "datanectar", "datanectar.process": process})
    resource = own.merge(OTELResourceDetector().detect())
    provider = TracerProvider(resource=resource, id_generator=Ids(), shutdown_on_exit=False)
    for name in exporters:
        provider.add_span_processor(BatchSpanProcessor(_exporter(name)))
    return provider


def _exporter(name: str) -> Any:
    for found in entry_points(group="opentelemetry_traces_exporter", name=name):
        return found.load()()
    raise LookupError(f"no exporter {name!r} is installed")


def close() -> None:
    """Send the last spans; a receiver that does not answer holds the end up for seconds at most."""
    if _provider is not None:
        sending = threading.Thread(target=_provider.shutdown, daemon=True)
        sending.start()
        sending.join(_LAST_SPANS)


def current() -> Span:
    """Return what is going on now in this thread."""
    return _current.get()


@contextlib.contextmanager
def span(
    name: str,
    attributes: Attributes | None = None,
    *,
    kind: str = "internal",
    parent: str | None = None,
) -> Iterator[Span]:
    """Open a span for the block; an exception fails it.

    Args:
        name: what is done, without what differs each time.
        attributes: more about it; those that are None are left out.
        kind: ``server``, ``producer``, ``consumer`` or ``internal``.
        parent: the ``traceparent`` of what it is part of; by default the present span's.
    """
    parent = parent or current().traceparent
    if _provider is None:
        with _as_current(Span(parent)) as unsent:
            yield unsent
        return
    from opentelemetry.trace import SpanKind

    tracer = _provider.get_tracer("datanectar")
    with tracer.start_as_current_span(
        name, _context(parent), SpanKind[kind.upper()], _known(attributes or {})
    ) as sdk_span:
        here = Span(_traceparent(sdk_span.get_span_context()), sdk_span)
        trace_id = f"{sdk_span.get_span_context().trace_id:032x}"
        with log_context(trace_id=trace_id), _as_current(here):
            yield here


@contextlib.contextmanager
def _as_current(span: Span) -> Iterator[Span]:
    token = _current.set(span)
    try:
        yield span
    finally:
        _current.reset(token)


def send_ended(
    name: str,
    attributes: Attributes,
    *,
    began: float,
    ended: float | None = None,
    parent: str | None = None,
    own: str | None = None,
    error: str | None = None,
) -> None:
    """Send the span of what has ended already.

    Args:
        name: what was done.
        attributes: more about it; those that are None are left out.
        began, ended: Unix stamps; by default it has ended now.
        parent: the ``traceparent`` of what it is part of; by default the present span's.
        own: its own ``traceparent``, if another process has been told that.
        error: why it failed, if it did.
    """
    if _provider is None:
        return
    token = _next_id.set(int(own.split("-")[2], 16) if own else None)
    try:
        done = _provider.get_tracer("datanectar").start_span(
            name,
            _context(parent or current().traceparent),
            attributes=_known(attributes),
            start_time=int(began * 1e9),
        )
    finally:
        _next_id.reset(token)
    if error:
        Span(None, done).fail(error)
    done.end(int(max(began, ended or time.time()) * 1e9))


def _context(traceparent: str | None) -> Context:
    from opentelemetry.context import Context
    from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

    carrier = {"traceparent": traceparent} if traceparent else {}
    return TraceContextTextMapPropagator().extract(carrier, Context())


def _traceparent(context: Any) -> str:
    return f"00-{context.trace_id:032x}-{context.span_id:016x}-{int(context.trace_flags):02x}"


def _known(attributes: Attributes) -> dict[str, Any]:
    return {name: value for name, value in attributes.items() if value is not None}
