"""What OTLP messages say, as rows of the store: checked, bounded, and ready to be searched."""

from __future__ import annotations

import base64
import json
import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any

from google.protobuf.json_format import MessageToDict
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord, ResourceLogs
from opentelemetry.proto.resource.v1.resource_pb2 import Resource
from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans, Span, Status

MAX_SPAN_BYTES = 512 << 10
MAX_LOG_BYTES = 64 << 10
MAX_SOURCE_BYTES = 64 << 10
MAX_TIME_NS = ((1 << 53) - 1) * 1000
"""Later times could not be told to a browser in µs."""
MAX_NAME = 200
"""Characters of a name that are searched and counted by; the span itself keeps all."""
MAX_TERMS = 500
"""Attributes of one span that can be searched by."""
SERVER, CLIENT, PRODUCER, CONSUMER = 2, 3, 4, 5
KINDS = {1: "internal", SERVER: "server", CLIENT: "client", PRODUCER: "producer", 5: "consumer"}
CLASS_GROWTH = math.log(1.06)
"""Durations are counted in classes, each 6 % wider than the one below."""


@dataclass(frozen=True, slots=True)
class SpanRow:
    """A span, as it is stored and counted."""

    trace_id: str
    span_id: str
    parent_id: str
    start_us: int
    duration_us: int
    kind: int
    error: bool
    service: str
    name: str
    peer: str
    """Whom a client span calls: `db:` and a database, or `to:` and an address."""
    terms: frozenset[int]
    source: bytes
    """Its resource and scope: a `ResourceSpans` without spans."""
    body: bytes
    """The span itself, a `Span`."""

    @property
    def end_us(self) -> int:
        """When it ended."""
        return self.start_us + self.duration_us

    @property
    def duration_class(self) -> int:
        """The class that its duration is counted in."""
        return int(math.log(self.duration_us) / CLASS_GROWTH) if self.duration_us > 0 else -1


@dataclass(frozen=True, slots=True)
class LogRow:
    """A log record, as it is stored."""

    trace_id: str
    """Empty outside of a trace."""
    time_us: int
    source: bytes
    """Its resource: a `ResourceLogs` without records."""
    body: bytes


def term(*parts: str) -> int:
    """The number under which something can be searched: a digest of its parts."""
    text = "\0".join(parts).encode("utf-8", "surrogatepass")
    return int.from_bytes(blake2b(text, digest_size=8).digest(), "big", signed=True)


def plain(value: AnyValue) -> object:
    """An attribute's value as Python has it; lists and maps as their JSON."""
    match value.WhichOneof("value"):
        case None:
            return ""
        case "bytes_value":
            return value.bytes_value
        case "array_value" | "kvlist_value":
            return json.dumps(_nested(value), ensure_ascii=False)
        case found:
            return getattr(value, found)


def _nested(value: AnyValue) -> object:
    match value.WhichOneof("value"):
        case "array_value":
            return [_nested(item) for item in value.array_value.values]
        case "kvlist_value":
            return {item.key: _nested(item.value) for item in value.kvlist_value.values}
        case "bytes_value":
            return base64.b64encode(value.bytes_value).decode()
        case _:
            return plain(value)


def text(value: AnyValue) -> str:
    """An attribute's value in the words it is searched by."""
    match plain(value):
        case bool() as found:
            return "true" if found else "false"
        case bytes() as found:
            return base64.b64encode(found).decode()
        case found:
            return str(found)


def attribute(attributes: Iterable[KeyValue], *keys: str) -> str:
    """The first of the attributes that is there, as text; empty when none is."""
    found = {item.key: item.value for item in attributes if item.key in keys}
    return next((text(found[key]) for key in keys if key in found), "")


def service_of(resource: Resource) -> str:
    """The service that a resource names."""
    return attribute(resource.attributes, "service.name")[:MAX_NAME] or "unknown_service"


def search_pairs(span: Span, resource: Resource) -> Iterator[tuple[str, str]]:
    """What a span can be found by: attributes of span, events and resource, error and kind."""
    for attributes in (
        span.attributes,
        resource.attributes,
        *(event.attributes for event in span.events),
    ):
        for item in attributes:
            yield item.key, text(item.value)
    if span.kind in KINDS:
        yield "span.kind", KINDS[span.kind]
    if is_error(span):
        yield "error", "true"


def is_error(span: Span) -> bool:
    """Whether the span says that it failed."""
    return span.status.code == Status.STATUS_CODE_ERROR


def _peer(span: Span) -> str:
    if span.kind not in (CLIENT, PRODUCER):
        return ""
    if system := attribute(span.attributes, "db.system.name", "db.system"):
        return f"db:{system} {attribute(span.attributes, 'db.namespace', 'db.name')}"[:MAX_NAME]
    address = attribute(span.attributes, "peer.service", "service.peer.name", "server.address")
    return f"to:{address}"[:MAX_NAME] if address else ""


def _terms(span: Span, resource: Resource, service: str, name: str) -> frozenset[int]:
    found = {term("service", service), term("name", name), term("name", name, service)}
    for key, value in search_pairs(span, resource):
        if len(found) >= MAX_TERMS:
            break
        found.add(term("tag", key, value))
    if is_error(span):
        found.add(term("error"))
    return frozenset(found)


def _is_valid(span: Span) -> bool:
    """Whether ids and times are usable, and all of it is small enough to be kept."""
    return (
        len(span.trace_id) == 16
        and any(span.trace_id)
        and len(span.span_id) == 8
        and any(span.span_id)
        and 0 < span.start_time_unix_nano <= MAX_TIME_NS
        and span.end_time_unix_nano <= MAX_TIME_NS
        and all(event.time_unix_nano <= MAX_TIME_NS for event in span.events)
        and span.ByteSize() <= MAX_SPAN_BYTES
    )


def refuse_spans(request: ExportTraceServiceRequest) -> int:
    """Takes out of a request what cannot be stored; answers how many spans that were."""
    refused = 0
    for resource in request.resource_spans:
        head = resource.resource.ByteSize()
        for scope in resource.scope_spans:
            fits = head + scope.scope.ByteSize() <= MAX_SOURCE_BYTES
            good = [span for span in scope.spans if fits and _is_valid(span)]
            if len(good) < len(scope.spans):
                refused += len(scope.spans) - len(good)
                kept = [span.SerializeToString() for span in good]
                del scope.spans[:]
                scope.spans.extend(Span.FromString(body) for body in kept)
    return refused


def span_rows(request: ExportTraceServiceRequest) -> Iterator[SpanRow]:
    """The rows of a request's spans, which must have passed `refuse_spans`."""
    for group in request.resource_spans:
        service = service_of(group.resource)
        for scope in group.scope_spans:
            source = ResourceSpans(resource=group.resource, schema_url=group.schema_url)
            source.scope_spans.add(scope=scope.scope, schema_url=scope.schema_url)
            head = source.SerializeToString(deterministic=True)
            for span in scope.spans:
                yield _span_row(span, group.resource, service, head)


def _span_row(span: Span, resource: Resource, service: str, source: bytes) -> SpanRow:
    name, start = span.name[:MAX_NAME], span.start_time_unix_nano // 1000
    return SpanRow(
        trace_id=span.trace_id.hex(),
        span_id=span.span_id.hex(),
        parent_id=span.parent_span_id.hex(),
        start_us=start,
        duration_us=max(span.end_time_unix_nano // 1000 - start, 0),
        kind=span.kind,
        error=is_error(span),
        service=service,
        name=name,
        peer=_peer(span),
        terms=_terms(span, resource, service, name),
        source=source,
        body=span.SerializeToString(),
    )


def _log_is_valid(record: LogRecord) -> bool:
    return (
        len(record.trace_id) in (0, 16)
        and len(record.span_id) in (0, 8)
        and max(record.time_unix_nano, record.observed_time_unix_nano) <= MAX_TIME_NS
        and record.ByteSize() <= MAX_LOG_BYTES
    )


def log_rows(request: ExportLogsServiceRequest) -> tuple[Sequence[LogRow], int]:
    """The rows of a request's log records, and how many had to be refused."""
    rows, refused = [], 0
    for group in request.resource_logs:
        head = ResourceLogs(resource=group.resource).SerializeToString(deterministic=True)
        for scope in group.scope_logs:
            for record in scope.log_records:
                if len(head) > MAX_SOURCE_BYTES or not _log_is_valid(record):
                    refused += 1
                    continue
                time_ns = record.time_unix_nano or record.observed_time_unix_nano
                trace_id = record.trace_id.hex() if any(record.trace_id) else ""
                rows.append(LogRow(trace_id, time_ns // 1000, head, record.SerializeToString()))
    return rows, refused


def to_json(message: ResourceSpans) -> dict[str, object]:
    """A message as OTLP JSON: ids in hex where canonical ProtoJSON has base64."""
    found: dict[str, object] = _hex_ids(
        MessageToDict(
            message, use_integers_for_enums=True, always_print_fields_with_no_presence=False
        )
    )
    return found


_IDS = frozenset({"traceId", "spanId", "parentSpanId"})


def _hex_ids(value: object) -> Any:
    match value:
        case dict():
            return {
                key: base64.b64decode(item).hex()
                if key in _IDS and isinstance(item, str)
                else _hex_ids(item)
                for key, item in value.items()
            }
        case list():
            return [_hex_ids(item) for item in value]
        case _:
            return value
