"""Sends spans and log lines to an OTLP collector, from a thread of its own.

Nobody waits for it: what finds no room in the bounded queues is dropped and counted, and a
collector that is down costs a line in the log, not an error.
"""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any

import grpc
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import KeyValue
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord
from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor

from mesh.telemetry import metrics
from mesh.telemetry.encoding import encode_spans

MAX_QUEUE = 8_192
"""Spans, and as many log lines, that wait at most."""
MAX_BATCH = 512
INTERVAL_S = 0.5
MAX_PAUSE_S = 5.0
SEND_S = 5.0
LAST_SEND_S = 1.0
"""How long the last sending may take when the process ends."""

_TRACES = "/opentelemetry.proto.collector.trace.v1.TraceService/Export"
_LOGS = "/opentelemetry.proto.collector.logs.v1.LogsService/Export"
_LATER = frozenset(
    {
        grpc.StatusCode.UNAVAILABLE,
        grpc.StatusCode.DEADLINE_EXCEEDED,
        grpc.StatusCode.RESOURCE_EXHAUSTED,
    }
)
"""Answers after which the same may be sent again (OTLP specification); others drop it."""

log = logging.getLogger(__name__)


class _Signal:
    """What waits of one kind, and how it is sent."""

    def __init__(
        self, name: str, send: Callable[..., Any], encode: Callable[[Sequence[Any]], bytes]
    ) -> None:
        self._waiting: deque[Any] = deque()
        self._send = send
        self._encode = encode
        self._dropped = metrics.telemetry_dropped.labels(name)
        self._sent = metrics.telemetry_sent.labels(name)
        self._batch = b""
        self._items = 0
        metrics.telemetry_queue.labels(name).set_function(lambda: len(self._waiting))

    def offer(self, item: object) -> bool:
        """Takes an item, or drops it; answers whether a batch is full."""
        if len(self._waiting) >= MAX_QUEUE:
            self._dropped.inc()
            return True
        self._waiting.append(item)
        return len(self._waiting) >= MAX_BATCH

    def is_empty(self) -> bool:
        """Whether nothing waits."""
        return not self._waiting and not self._batch

    def flush(self, timeout_s: float) -> bool:
        """Sends what waits; False when the collector is not there, then it waits on."""
        while not self.is_empty():
            if not self._batch:
                items = [self._waiting.popleft() for _ in range(min(len(self._waiting), MAX_BATCH))]
                self._items, self._batch = len(items), self._encode(items)
            try:
                self._send(self._batch, timeout=timeout_s)
            except grpc.RpcError as error:
                if error.code() in _LATER:
                    return False
                self._dropped.inc(self._items)
            else:
                self._sent.inc(self._items)
            self._batch = b""
        return True

    def give_up(self) -> None:
        """Drops what waits."""
        if self._batch:
            self._dropped.inc(self._items)
        self._dropped.inc(len(self._waiting))


class Exporter:
    """The thread that sends."""

    def __init__(self, endpoint: str, resource: Sequence[KeyValue]) -> None:
        """Starts it.

        Args:
            endpoint: `host:port` of a collector, OTLP over gRPC without TLS.
            resource: the attributes of this process, for its log lines.
        """
        self._channel = grpc.insecure_channel(
            endpoint, options=[("grpc.max_reconnect_backoff_ms", 2_000)]
        )
        self._resource = resource
        self._spans = _Signal(
            "spans",
            self._channel.unary_unary(_TRACES),
            lambda spans: encode_spans(spans, resource),
        )
        self._logs = _Signal("logs", self._channel.unary_unary(_LOGS), self._encode_logs)
        self._wake = threading.Event()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._work, name="otlp", daemon=True)
        self._thread.start()

    def offer_span(self, span: ReadableSpan) -> None:
        """Takes a finished span."""
        if self._spans.offer(span):
            self._wake.set()

    def offer_log(self, record: LogRecord) -> None:
        """Takes a log line."""
        if self._logs.offer(record):
            self._wake.set()

    def stop(self) -> None:
        """Sends what waits, once and briefly, and ends."""
        self._stopping.set()
        self._wake.set()
        self._thread.join(2 * (SEND_S + LAST_SEND_S))
        self._channel.close()

    def _work(self) -> None:
        there, pause = True, INTERVAL_S
        while not self._stopping.is_set():
            self._wake.wait(INTERVAL_S)
            self._wake.clear()
            if self._stopping.is_set():
                break
            sent = self._spans.flush(SEND_S) and self._logs.flush(SEND_S)
            if sent is not there:
                _tell(sent)
            there = sent
            pause = INTERVAL_S if there else min(2 * pause, MAX_PAUSE_S)
            if not there:
                # Not on `_wake`: a full queue sets it again and again.
                self._stopping.wait(pause)
        for signal in (self._spans, self._logs):
            if not signal.flush(LAST_SEND_S):
                signal.give_up()

    def _encode_logs(self, records: Sequence[LogRecord]) -> bytes:
        request = ExportLogsServiceRequest()
        group = request.resource_logs.add()
        group.resource.attributes.extend(self._resource)
        group.scope_logs.add(log_records=records)
        return request.SerializeToString()


def _tell(there: bool) -> None:
    if there:
        log.info("telemetry collector answers again")
    else:
        log.warning("telemetry collector is away")


class ExportingProcessor(SpanProcessor):
    """Hands each finished span that is sampled to the exporter."""

    def __init__(self, exporter: Exporter) -> None:
        self._offer = exporter.offer_span

    def on_end(self, span: ReadableSpan) -> None:
        """Takes a span; never waits."""
        context = span.context
        if context is not None and context.trace_flags.sampled:
            self._offer(span)
