"""A trace in few words, made from its spans as they come."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from mesh.viewer.otlp import SpanRow


@dataclass(frozen=True, slots=True)
class Summary:
    """What search results and the live tail show of a trace."""

    trace_id: str
    start_us: int
    end_us: int
    span_count: int
    error_count: int
    root_service: str
    root_name: str
    root_start_us: int
    has_root: int
    """1 when the span without a parent has come."""
    services: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    """Spans and errors of each service."""

    @property
    def duration_us(self) -> int:
        """From the first span's start to the last one's end."""
        return self.end_us - self.start_us

    def merged(self, other: Summary) -> Summary:
        """Both together; their spans must not overlap."""
        # The root is the span without a parent; before it comes, the earliest one stands in.
        root = max(self, other, key=lambda part: (part.has_root, -part.root_start_us))
        services = dict(self.services)
        for name, (spans, errors) in other.services.items():
            had = services.get(name, (0, 0))
            services[name] = had[0] + spans, had[1] + errors
        return Summary(
            self.trace_id,
            min(self.start_us, other.start_us),
            max(self.end_us, other.end_us),
            self.span_count + other.span_count,
            self.error_count + other.error_count,
            root.root_service,
            root.root_name,
            root.root_start_us,
            root.has_root,
            services,
        )

    def as_json(self) -> dict[str, object]:
        """As API.md describes it."""
        return {
            "traceID": self.trace_id,
            "startTime": self.start_us,
            "duration": self.duration_us,
            "rootService": self.root_service,
            "rootOperation": self.root_name,
            "spanCount": self.span_count,
            "errorCount": self.error_count,
            "services": [
                {"name": name, "spans": spans, "errors": errors}
                for name, (spans, errors) in sorted(self.services.items())
            ],
        }


def summarise(rows: Sequence[SpanRow]) -> Summary:
    """The summary of some spans of one trace; there must be at least one."""
    root = min(rows, key=lambda row: (bool(row.parent_id), row.start_us))
    services: dict[str, tuple[int, int]] = {}
    for row in rows:
        spans, errors = services.get(row.service, (0, 0))
        services[row.service] = spans + 1, errors + row.error
    return Summary(
        root.trace_id,
        min(row.start_us for row in rows),
        max(row.end_us for row in rows),
        len(rows),
        sum(row.error for row in rows),
        root.service,
        root.name,
        root.start_us,
        int(not root.parent_id),
        services,
    )
