"""Traces: OpenTelemetry spans around calls, carried on by W3C `traceparent`."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from types import TracebackType

from opentelemetry import context as otel_context
from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.sampling import ParentBasedTraceIdRatio
from opentelemetry.trace import (
    NonRecordingSpan,
    Span,
    SpanContext,
    SpanKind,
    Status,
    StatusCode,
    TraceFlags,
)
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator
from opentelemetry.util.types import AttributeValue

from mesh.telemetry.encoding import key_values
from mesh.telemetry.logs import OtlpHandler

_propagator = TraceContextTextMapPropagator()
_NOWHERE = Context()
_USUAL = re.compile("00-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})")
_at_stop: list[Callable[[], None]] = []

tracer = trace.get_tracer("tradewind")

Metadata = Iterable[tuple[str, str | bytes]]


def configure_tracing(service: str, otlp_endpoint: str, sample_ratio: float) -> None:
    """Sets the process's tracer up; spans and log lines leave by OTLP when an endpoint is given.

    Args:
        service: the workload's name.
        otlp_endpoint: `host:port` of a plain-text OTLP gRPC collector; empty exports nothing.
        sample_ratio: share of traces begun here that are sampled; a parent's choice wins.
    """
    resource = Resource.create({"service.name": service, "service.namespace": "tradewind"})
    provider = TracerProvider(resource=resource, sampler=ParentBasedTraceIdRatio(sample_ratio))
    if otlp_endpoint:
        # Imported where used: the exporter costs memory that a process without one saves.
        from mesh.telemetry.export import Exporter, ExportingProcessor

        exporter = Exporter(otlp_endpoint, key_values(resource.attributes))
        provider.add_span_processor(ExportingProcessor(exporter))
        handler = OtlpHandler(exporter.offer_log)
        logging.getLogger().addHandler(handler)
        _at_stop.append(exporter.stop)
    trace.set_tracer_provider(provider)


def shutdown_tracing() -> None:
    """Sends what is waiting and ends the exporter; takes a moment at most."""
    while _at_stop:
        _at_stop.pop()()


def begin_span(
    name: str, kind: SpanKind, attributes: Mapping[str, AttributeValue], context: Context
) -> Span:
    """Starts a span that is the current one for the rest of this task; the caller ends it."""
    span = _start(name, kind, attributes, context, ())
    otel_context.attach(trace.set_span_in_context(span, context))
    return span


def _start(
    name: str,
    kind: SpanKind,
    attributes: Mapping[str, AttributeValue] | None,
    context: Context,
    links: Sequence[trace.Link],
) -> Span:
    parent = trace.get_current_span(context)
    of = parent.get_span_context()
    if of.is_valid and not of.trace_flags.sampled:
        # Nothing of this trace is recorded: its parent stands for all that is below it.
        return parent
    return tracer.start_span(name, context, kind, attributes, links)


class Spanned:
    """A span that is the current one inside of `with`, ended when it is left.

    Leaner than OpenTelemetry's own, and it says nothing by itself about exceptions: whoever
    opens a span knows which of them are failures.
    """

    __slots__ = ("_span", "_token")

    def __init__(
        self,
        name: str,
        kind: SpanKind,
        attributes: Mapping[str, AttributeValue] | None = None,
        *,
        context: Context | None = None,
        links: Sequence[trace.Link] = (),
    ) -> None:
        """Starts the span.

        Args:
            name: low-cardinality, like the attributes by current semantic conventions.
            kind: server, client or internal.
            attributes: known already.
            context: of the parent; the current one when there is none.
            links: to spans of other traces.
        """
        context = otel_context.get_current() if context is None else context
        self._span = _start(name, kind, attributes, context, links)
        self._token = otel_context.attach(trace.set_span_in_context(self._span, context))

    def __enter__(self) -> Span:
        """The span."""
        return self._span

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        stack: TracebackType | None,
    ) -> None:
        """Ends the span."""
        otel_context.detach(self._token)
        self._span.end()


def part_of_trace(
    name: str, kind: SpanKind, attributes: Mapping[str, AttributeValue]
) -> AbstractContextManager[Span | None]:
    """A span inside of a trace that is recorded, nothing elsewhere: it never begins a trace."""
    if not trace.get_current_span().is_recording():
        return nullcontext()
    return Spanned(name, kind, attributes)


def fail(span: Span, why: str) -> None:
    """Says that what a span stands for failed, and why: a code or a type, never a message."""
    span.set_attribute("error.type", why)
    span.set_status(Status(StatusCode.ERROR, why))


def sampled_trace_id(span: Span) -> str:
    """The trace id of a span that is kept; empty for others."""
    context = span.get_span_context()
    return f"{context.trace_id:032x}" if context.trace_flags.sampled else ""


def extract(metadata: Metadata) -> Context:
    """The trace context that a caller sent."""
    carrier = {
        key: value
        for key, value in metadata
        if key in ("traceparent", "tracestate") and isinstance(value, str)
    }
    if len(carrier) == 1 and (found := _USUAL.fullmatch(carrier.get("traceparent", ""))):
        # What the edge and our own clients send; reading it so takes a third of the time.
        trace_id, span_id, flags = (int(part, 16) for part in found.groups())
        parent = SpanContext(trace_id, span_id, is_remote=True, trace_flags=TraceFlags(flags))
        return trace.set_span_in_context(NonRecordingSpan(parent), _NOWHERE)
    return _propagator.extract(carrier, context=_NOWHERE) if carrier else _NOWHERE


def inject(context: Context | None = None) -> list[tuple[str, str]]:
    """Metadata that carries a trace context, by default the current one, to a peer."""
    found = trace.get_current_span(context).get_span_context()
    if not found.is_valid:
        return []
    parent = f"00-{found.trace_id:032x}-{found.span_id:016x}-{found.trace_flags:02x}"
    state = found.trace_state.to_header()
    return [("traceparent", parent), *([("tracestate", state)] if state else [])]


def current_context() -> Context:
    """The trace context here, to hand to work that runs elsewhere."""
    return otel_context.get_current()


def trace_id() -> str:
    """The current trace's id in hex; empty outside of a trace."""
    found = trace.get_current_span().get_span_context()
    return trace.format_trace_id(found.trace_id) if found.is_valid else ""


def traceparent() -> str:
    """The current span as a W3C `traceparent`; empty outside of a trace."""
    return dict(inject()).get("traceparent", "")


def trace_id_of(traceparent: str) -> str:
    """The trace id in a `traceparent`; empty where there is none."""
    parts = traceparent.split("-")
    return parts[1] if len(parts) == 4 else ""


def links_to(contexts: Sequence[Context]) -> list[trace.Link]:
    """Span links to the spans of other contexts, the invalid ones left out."""
    spans = (trace.get_current_span(context).get_span_context() for context in contexts)
    return [trace.Link(span) for span in spans if span.is_valid]
