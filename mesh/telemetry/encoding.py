"""Spans and attributes as OTLP messages.

OpenTelemetry's own encoder takes three times as long, and every call of the mesh pays for it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, ArrayValue, KeyValue
from opentelemetry.proto.trace.v1.trace_pb2 import Span as SpanMessage
from opentelemetry.proto.trace.v1.trace_pb2 import Status
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.trace import SpanContext

_MAX_REMEMBERED = 64
"""Characters of a text that is likely to come again."""
_INT64 = 1 << 63
_HAS_REMOTE, _IS_REMOTE = 0x100, 0x200
"""Of a span's flags: whether its parent is of another process (OTLP 1.x)."""


def any_value(value: object) -> AnyValue:
    """A value of an attribute; what OTLP has no type for becomes text."""
    match value:
        case str():
            return AnyValue(string_value=value)
        case bool():
            return AnyValue(bool_value=value)
        case int() if -_INT64 <= value < _INT64:
            return AnyValue(int_value=value)
        case float():
            return AnyValue(double_value=value)
        case list() | tuple():
            return AnyValue(array_value=ArrayValue(values=[any_value(item) for item in value]))
        case _:
            return AnyValue(string_value=str(value))


@lru_cache(2_048)
def _remembered(key: str, value: str) -> KeyValue:
    return KeyValue(key=key, value=AnyValue(string_value=value))


def key_values(attributes: Mapping[str, object] | None) -> list[KeyValue]:
    """Attributes as OTLP has them."""
    return [
        _remembered(key, value)
        if isinstance(value, str) and len(value) <= _MAX_REMEMBERED
        else KeyValue(key=key, value=any_value(value))
        for key, value in (attributes or {}).items()
    ]


def encode_spans(spans: Sequence[ReadableSpan], resource: Iterable[KeyValue]) -> bytes:
    """An export request with the spans of this process."""
    request = ExportTraceServiceRequest()
    group = request.resource_spans.add()
    group.resource.attributes.extend(resource)
    scopes: dict[str, list[SpanMessage]] = {}
    for span in spans:
        name = span.instrumentation_scope.name if span.instrumentation_scope else ""
        scopes.setdefault(name, []).append(_span(span))
    for name, found in scopes.items():
        group.scope_spans.add(spans=found).scope.name = name
    return request.SerializeToString()


def _span(span: ReadableSpan) -> SpanMessage:
    context, parent = span.context, span.parent
    found = SpanMessage(
        trace_id=context.trace_id.to_bytes(16, "big"),
        span_id=context.span_id.to_bytes(8, "big"),
        trace_state=context.trace_state.to_header(),
        flags=context.trace_flags | _HAS_REMOTE | (_IS_REMOTE if _is_remote(parent) else 0),
        name=span.name,
        # OTLP counts from INTERNAL = 1, the SDK from 0.
        kind=span.kind.value + 1,  # type: ignore[arg-type]
        start_time_unix_nano=span.start_time or 0,
        end_time_unix_nano=span.end_time or 0,
        attributes=key_values(span.attributes),
    )
    if parent is not None:
        found.parent_span_id = parent.span_id.to_bytes(8, "big")
    if span.status.status_code.value:
        found.status.CopyFrom(
            Status(code=span.status.status_code.value, message=span.status.description or "")  # type: ignore[arg-type]
        )
    for event in span.events:
        found.events.add(
            name=event.name,
            time_unix_nano=event.timestamp,
            attributes=key_values(event.attributes),
        )
    for link in span.links:
        found.links.add(
            trace_id=link.context.trace_id.to_bytes(16, "big"),
            span_id=link.context.span_id.to_bytes(8, "big"),
            trace_state=link.context.trace_state.to_header(),
            attributes=key_values(link.attributes),
        )
    return found


def _is_remote(parent: SpanContext | None) -> bool:
    return parent is not None and parent.is_remote
