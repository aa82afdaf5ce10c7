"""A stack that writes its log as JSON and sends its traces to a receiver."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from tests.servers.otlp import Receiver, otlp_receiver
from tests.servers.stack import Stack

CHAIN = """import logging
import os
import subprocess

import luigi

from datanectar import NectarTask


class _Watched(NectarTask):
    word = luigi.Parameter()

    def write(self, text):
        with self.output().open("w") as out:
            out.write(text)


class LeafTask(_Watched):
    def run(self):
        print("what the task prints")
        logging.getLogger("datanectar.tests").warning("a warning of the library")
        self.write(subprocess.check_output(["printenv", "TRACEPARENT"], text=True))


class OwnSpanTask(_Watched):
    workers = 2

    def requires(self):
        return LeafTask(word=self.word)

    def run(self):
        from opentelemetry import trace
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import SimpleSpanProcessor
        from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

        provider = TracerProvider()
        provider.add_span_processor(SimpleSpanProcessor(OTLPSpanExporter()))
        above = TraceContextTextMapPropagator().extract({"traceparent": os.environ["TRACEPARENT"]})
        with provider.get_tracer("tests").start_as_current_span("own", above):
            self.write(os.environ["TRACEPARENT"])


class BrokenTask(_Watched):
    def run(self):
        raise ValueError("this is broken")


class TellsTask(_Watched):
    def run(self):
        self.write(os.environ.get("TRACEPARENT", "none"))
"""


@dataclass
class Watched:
    """The stack and the receiver of its traces."""

    stack: Stack
    receiver: Receiver


@pytest.fixture(scope="package")
def watched(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Watched]:
    with otlp_receiver() as receiver:
        stack = Stack(tmp_path_factory.mktemp("project"))
        stack.environ = {
            "DATANECTAR_LOG_FORMAT": "json",
            "OTEL_EXPORTER_OTLP_ENDPOINT": receiver.url,
            "OTEL_BSP_SCHEDULE_DELAY": "50",
        }
        stack.chain("watch/watched_chain", CHAIN)
        try:
            yield Watched(stack.start(), receiver)
        finally:
            stack.close()
