"""Traces: OpenTelemetry spans around calls, carried on by W3C `traceparent`."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from opentelemetry import context as otel_context
from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.trace.sampling import ParentBasedTraceIdRatio
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

_propagator = TraceContextTextMapPropagator()

tracer = trace.get_tracer("tradewind")

Metadata = Iterable[tuple[str, str | bytes]]


def configure_tracing(service: str, otlp_endpoint: str, sample_ratio: float) -> None:
    """Sets the process's tracer up; spans leave by OTLP gRPC when an endpoint is given.

    Args:
        service: the workload's name.
        otlp_endpoint: `host:port` of a plain-text OTLP collector; empty exports nothing.
        sample_ratio: share of traces begun here that are sampled; a parent's choice wins.
    """
    resource = Resource.create({"service.name": service, "service.namespace": "tradewind"})
    provider = TracerProvider(resource=resource, sampler=ParentBasedTraceIdRatio(sample_ratio))
    if otlp_endpoint:
        # Imported where used: the exporter costs memory that a process without one saves.
        from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import (
            OTLPSpanExporter,
        )

        exporter = OTLPSpanExporter(endpoint=otlp_endpoint, insecure=True)
        provider.add_span_processor(BatchSpanProcessor(exporter, schedule_delay_millis=500))
    trace.set_tracer_provider(provider)


def shutdown_tracing() -> None:
    """Sends what is waiting and ends the exporter."""
    provider = trace.get_tracer_provider()
    if isinstance(provider, TracerProvider):
        provider.shutdown()


def extract(metadata: Metadata) -> Context:
    """The trace context that a caller sent."""
    carrier = {
        key: value
        for key, value in metadata
        if isinstance(value, str) and key in ("traceparent", "tracestate")
    }
    return _propagator.extract(carrier, context=Context())


def inject() -> list[tuple[str, str]]:
    """Metadata that carries the current trace context to a peer."""
    carrier: dict[str, str] = {}
    _propagator.inject(carrier)
    return list(carrier.items())


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
