"""A trace for other tools: OTLP JSON, and Chrome's trace format (Perfetto opens it)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans

from mesh.viewer.jaeger import StoredSpan, trace_json
from mesh.viewer.otlp import service_of, to_json

Json = dict[str, Any]


def otlp_json(spans: Sequence[StoredSpan]) -> Json:
    """The spans as OTLP JSON, each under the resource and scope it came with."""
    groups: dict[int, ResourceSpans] = {}
    for stored in spans:
        key = id(stored.source)
        if key not in groups:
            groups[key] = ResourceSpans()
            groups[key].CopyFrom(stored.source)
        groups[key].scope_spans[0].spans.append(stored.span)
    return {"resourceSpans": [to_json(group) for group in groups.values()]}


class _Lanes:
    """Places spans so that each lane holds only spans that follow or contain one another."""

    def __init__(self) -> None:
        self._lanes: list[list[int]] = []

    def place(self, start: int, end: int) -> int:
        """The lane for a span; they must come by start, the longer first."""
        for number, open_ends in enumerate(self._lanes):
            while open_ends and open_ends[-1] <= start:
                open_ends.pop()
            if not open_ends or end <= open_ends[-1]:
                open_ends.append(end)
                return number
        self._lanes.append([end])
        return len(self._lanes) - 1


def perfetto_json(trace_id: str, spans: Sequence[StoredSpan]) -> Json:
    """The spans as Chrome trace events: a process for each service, µs from the trace's start."""
    found = trace_json(trace_id, spans)["spans"]
    services = {stored.span.span_id.hex(): service_of(stored.source.resource) for stored in spans}
    start = min((span["startTime"] for span in found), default=0)
    numbers: dict[str, int] = {}
    lanes: dict[str, _Lanes] = {}
    events: list[Json] = []
    for span in sorted(found, key=lambda span: (span["startTime"], -span["duration"])):
        service, begin = services[span["spanID"]], span["startTime"] - start
        if service not in numbers:
            numbers[service] = len(numbers) + 1
            events.append(
                {
                    "ph": "M",
                    "name": "process_name",
                    "pid": numbers[service],
                    "args": {"name": service},
                }
            )
        lane = lanes.setdefault(service, _Lanes()).place(begin, begin + span["duration"])
        place = {"pid": numbers[service], "tid": lane + 1}
        args = {tag["key"]: tag["value"] for tag in span["tags"]} | {"spanID": span["spanID"]}
        events.append(
            {
                "ph": "X",
                "name": span["operationName"],
                "cat": service,
                "ts": begin,
                "dur": span["duration"],
                "args": args,
                **place,
            }
        )
        events += (_instant(log, start, place) for log in span["logs"])
    return {
        "traceEvents": events,
        "displayTimeUnit": "ms",
        "otherData": {"traceID": trace_id, "startTimeUs": str(start)},
    }


def _instant(log: Json, start: int, place: Json) -> Json:
    fields = {field["key"]: field["value"] for field in log["fields"]}
    return {
        "ph": "i",
        "s": "t",
        "name": fields.get("event", ""),
        "ts": log["timestamp"] - start,
        "args": fields,
        **place,
    }
