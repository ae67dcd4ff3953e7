"""The spans that this process records, for tests that look at them."""

from __future__ import annotations

from functools import cache

from opentelemetry import trace
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanContext


@cache
def exporter() -> InMemorySpanExporter:
    """Keeps every span that ends in this process."""
    # A process has one tracer provider for good: whoever comes first sets it.
    provider = trace.get_tracer_provider()
    if not isinstance(provider, TracerProvider):
        provider = TracerProvider()
        trace.set_tracer_provider(provider)
    found = InMemorySpanExporter()
    provider.add_span_processor(SimpleSpanProcessor(found))
    return found


class RecordedSpans:
    """The spans that ended since it was made."""

    def __init__(self) -> None:
        exporter().clear()

    def all(self) -> list[ReadableSpan]:
        """In the order they ended."""
        return list(exporter().get_finished_spans())

    def named(self, name: str) -> list[ReadableSpan]:
        """Those of a name."""
        return [span for span in self.all() if span.name == name]

    def one(self, name: str) -> ReadableSpan:
        """The only one of a name."""
        found = self.named(name)
        assert len(found) == 1, [span.name for span in self.all()]
        return found[0]


def context_of(span: ReadableSpan) -> SpanContext:
    """A span's ids."""
    found: SpanContext | None = span.context
    assert found is not None
    return found


def is_below(span: ReadableSpan, parent: ReadableSpan) -> bool:
    """Whether a span is another's child."""
    found = context_of(parent)
    return (
        span.parent is not None
        and span.parent.span_id == found.span_id
        and context_of(span).trace_id == found.trace_id
    )
