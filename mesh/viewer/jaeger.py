"""Traces in Jaeger's JSON (API.md), from stored spans."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord, ResourceLogs
from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans, Span, Status

from mesh.viewer.otlp import KINDS, is_error, plain, service_of, text

Json = dict[str, Any]

MAX_SAFE = (1 << 53) - 1
"""The largest integer that a browser reads without loss."""
_STATUS = {Status.STATUS_CODE_OK: "OK", Status.STATUS_CODE_ERROR: "ERROR"}


@dataclass(frozen=True, slots=True)
class StoredSpan:
    """A span with where it comes from; spans of one source share the object."""

    span: Span
    source: ResourceSpans


def tag(key: str, value: AnyValue) -> Json:
    """An attribute as a Jaeger tag."""
    match plain(value):
        case bool() as found:
            return {"key": key, "type": "bool", "value": found}
        case int() as found:
            return {"key": key, "type": "int64", "value": _safe(found)}
        case float() as found:
            return {"key": key, "type": "float64", "value": _finite(found)}
        case bytes() as found:
            return {"key": key, "type": "binary", "value": base64.b64encode(found).decode()}
        case found:
            return _text(key, str(found))


def _safe(value: int) -> int | str:
    return value if -MAX_SAFE <= value <= MAX_SAFE else str(value)


def _finite(value: float) -> float | str:
    # JSON has no infinity.
    return value if value - value == 0 else str(value)


def _text(key: str, value: str) -> Json:
    return {"key": key, "type": "string", "value": value}


def tags(attributes: Iterable[KeyValue], *, without: str = "") -> list[Json]:
    """Attributes as Jaeger tags."""
    return [tag(item.key, item.value) for item in attributes if item.key != without]


def _span_tags(stored: StoredSpan) -> list[Json]:
    span = stored.span
    found = tags(span.attributes)
    if span.kind in KINDS:
        found.append(_text("span.kind", KINDS[span.kind]))
    if span.status.code in _STATUS:
        found.append(_text("otel.status_code", _STATUS[span.status.code]))
    if span.status.message:
        found.append(_text("otel.status_description", span.status.message))
    if is_error(span):
        found.append({"key": "error", "type": "bool", "value": True})
    if span.trace_state:
        found.append(_text("w3c.tracestate", span.trace_state))
    scope = stored.source.scope_spans[0].scope
    if scope.name:
        found.append(_text("otel.scope.name", scope.name))
    if scope.version:
        found.append(_text("otel.scope.version", scope.version))
    return found


def _references(span: Span) -> list[Json]:
    found = [
        {"refType": "FOLLOWS_FROM", "traceID": link.trace_id.hex(), "spanID": link.span_id.hex()}
        for link in span.links
    ]
    if span.parent_span_id:
        parent = span.parent_span_id.hex()
        found.insert(0, {"refType": "CHILD_OF", "traceID": span.trace_id.hex(), "spanID": parent})
    return found


def _logs(span: Span) -> list[Json]:
    return [
        {
            "timestamp": event.time_unix_nano // 1000,
            "fields": [_text("event", event.name), *tags(event.attributes)],
        }
        for event in span.events
    ]


def _span(stored: StoredSpan, process: str) -> Json:
    span = stored.span
    start = span.start_time_unix_nano // 1000
    return {
        "traceID": span.trace_id.hex(),
        "spanID": span.span_id.hex(),
        "operationName": span.name,
        "references": _references(span),
        "flags": span.flags & 0xFF or 1,
        "startTime": start,
        "duration": max(span.end_time_unix_nano // 1000 - start, 0),
        "tags": _span_tags(stored),
        "logs": _logs(span),
        "processID": process,
        "warnings": None,
    }


def trace_json(trace_id: str, spans: Sequence[StoredSpan], *, left_out: int = 0) -> Json:
    """One trace as Jaeger's API answers it.

    Args:
        trace_id: its id.
        spans: its spans.
        left_out: how many more it has.
    """
    processes: dict[str, Json] = {}
    names: dict[bytes, str] = {}
    by_source: dict[int, str] = {}
    found = []
    for stored in sorted(spans, key=lambda item: item.span.start_time_unix_nano):
        name = by_source.get(id(stored.source))
        if name is None:
            resource = stored.source.resource
            key = resource.SerializeToString(deterministic=True)
            name = by_source[id(stored.source)] = names.setdefault(key, f"p{len(names) + 1}")
            processes.setdefault(
                name,
                {
                    "serviceName": service_of(resource),
                    "tags": tags(resource.attributes, without="service.name"),
                },
            )
        found.append(_span(stored, name))
    warnings = [f"{left_out} more spans are left out: the answer would be too large"]
    return {
        "traceID": trace_id,
        "spans": found,
        "processes": processes,
        "warnings": warnings if left_out else None,
    }


_LEVELS = ("TRACE", "DEBUG", "INFO", "WARN", "ERROR", "FATAL")


def log_json(record: LogRecord, source: ResourceLogs) -> Json:
    """A log record as the query API answers it (API.md)."""
    number = record.severity_number
    level = _LEVELS[(number - 1) // 4] if 1 <= number <= 24 else record.severity_text
    return {
        "time": (record.time_unix_nano or record.observed_time_unix_nano) // 1000,
        "service": service_of(source.resource),
        "severity": level,
        "severityNumber": number,
        "spanID": record.span_id.hex(),
        "body": text(record.body),
        "attributes": tags(record.attributes),
    }
