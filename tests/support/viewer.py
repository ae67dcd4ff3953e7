"""A running viewer, and spans to send to it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import grpc
import httpx
from opentelemetry.proto.collector.logs.v1 import logs_service_pb2
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.proto.common.v1.common_pb2 import KeyValue
from opentelemetry.proto.trace.v1.trace_pb2 import Span as SpanMessage
from opentelemetry.proto.trace.v1.trace_pb2 import Status

from mesh.telemetry.encoding import any_value
from mesh.viewer.main import serving
from mesh.viewer.settings import Address, ViewerSettings
from tests.support.eventually import eventually

TRACES = "/opentelemetry.proto.collector.trace.v1.TraceService/Export"
LOGS = "/opentelemetry.proto.collector.logs.v1.LogsService/Export"
START_US = 1_730_000_000_000_000
SERVER, CLIENT = 2, 3


@dataclass(frozen=True)
class Sent:
    """A span that a test sends; times in µs from the trace's start."""

    span_id: str
    name: str = "work"
    service: str = "order"
    parent: str = ""
    start: int = 0
    duration: int = 100
    kind: int = 1
    error: bool = False
    attributes: Mapping[str, object] = field(default_factory=dict)


def trace_id(number: int) -> str:
    """The hex id of a test's trace."""
    return f"{number:032x}"


def request(
    number: int, spans: Sequence[Sent], start_us: int = START_US
) -> ExportTraceServiceRequest:
    """An export request with the spans of one trace."""
    found = ExportTraceServiceRequest()
    for sent in spans:
        group = found.resource_spans.add()
        group.resource.attributes.extend(
            [
                KeyValue(key="service.name", value=any_value(sent.service)),
                KeyValue(key="service.namespace", value=any_value("tradewind")),
            ]
        )
        scope = group.scope_spans.add()
        scope.scope.name = "test"
        span = SpanMessage(
            trace_id=bytes.fromhex(trace_id(number)),
            span_id=bytes.fromhex(sent.span_id.zfill(16)),
            parent_span_id=bytes.fromhex(sent.parent.zfill(16)) if sent.parent else b"",
            name=sent.name,
            kind=sent.kind,  # type: ignore[arg-type]
            start_time_unix_nano=(start_us + sent.start) * 1000,
            end_time_unix_nano=(start_us + sent.start + sent.duration) * 1000,
        )
        for key, value in sent.attributes.items():
            span.attributes.add(key=key, value=any_value(value))
        if sent.error:
            span.status.CopyFrom(Status(code=Status.STATUS_CODE_ERROR, message="it broke"))
        scope.spans.append(span)
    return found


ORDER = (
    Sent("1", "POST /api/v1/orders", "edge", duration=9_000, kind=SERVER),
    Sent("2", "order.OrderService/CreateOrder", "order", "1", 500, 8_000, SERVER),
    Sent(
        "3",
        "SELECT orders",
        "order",
        "2",
        600,
        300,
        CLIENT,
        attributes={"db.system.name": "sqlite", "db.namespace": "order", "rows": 2},
    ),
    Sent(
        "4",
        "user.LedgerService/CreateTransfers",
        "order",
        "2",
        1_000,
        5_000,
        CLIENT,
        attributes={"server.address": "user", "attempt": 1},
    ),
    Sent("5", "user.LedgerService/CreateTransfers", "user", "4", 1_500, 4_000, SERVER),
)
"""The spans of a small order."""


SECOND_US = START_US + 1_000_000
FAILED = (
    Sent("1", "POST /api/v1/orders", "edge", duration=20_000, kind=SERVER),
    Sent(
        "2",
        "order.OrderService/CreateOrder",
        "order",
        "1",
        100,
        19_000,
        SERVER,
        error=True,
        attributes={"rpc.response.status_code": "INTERNAL", "n": 5, "big": 1 << 60, "ok": True},
    ),
    Sent(
        "3",
        "GET /prices",
        "inventory",
        "2",
        200,
        18_000,
        CLIENT,
        attributes={"server.address": "api.example"},
    ),
)
"""The spans of an order that failed."""


@dataclass(frozen=True)
class Viewer:
    """A viewer that runs in this process."""

    settings: ViewerSettings
    web: httpx.AsyncClient
    otlp: httpx.AsyncClient
    channel: grpc.aio.Channel

    async def send(self, message: ExportTraceServiceRequest) -> ExportTraceServiceResponse:
        """Sends spans by gRPC."""
        call = self.channel.unary_unary(
            TRACES,
            request_serializer=ExportTraceServiceRequest.SerializeToString,
            response_deserializer=ExportTraceServiceResponse.FromString,
        )
        answer: ExportTraceServiceResponse = await call(message)
        return answer

    async def send_logs(self, message: logs_service_pb2.ExportLogsServiceRequest) -> Any:
        """Sends log records by gRPC."""
        call = self.channel.unary_unary(
            LOGS,
            request_serializer=logs_service_pb2.ExportLogsServiceRequest.SerializeToString,
            response_deserializer=logs_service_pb2.ExportLogsServiceResponse.FromString,
        )
        return await call(message)

    async def get(self, path: str, **parameters: str | int) -> Any:
        """What the query API answers as `data`."""
        answer = await self.web.get(path, params=parameters)
        assert answer.status_code == 200, answer.text
        body = answer.json()
        assert body["errors"] is None
        return body["data"]

    async def has(self, number: int, spans: int) -> dict[str, Any]:
        """Waits until a trace is stored with so many spans."""

        async def found() -> dict[str, Any] | None:
            answer = await self.web.get(f"/api/traces/{trace_id(number)}")
            if answer.status_code != 200:
                return None
            trace: dict[str, Any] = answer.json()["data"][0]
            return trace if len(trace["spans"]) == spans else None

        return await eventually(found)


@asynccontextmanager
async def running_viewer(folder: Path, **changes: Any) -> AsyncIterator[Viewer]:
    """A viewer on free ports with a store in `folder`."""
    any_port = Address("127.0.0.1", 0)
    settings = ViewerSettings(folder / "traces.db", any_port, any_port, any_port, **changes)
    async with (
        serving(settings) as found,
        httpx.AsyncClient(base_url=f"http://{found.http_listen}") as web,
        httpx.AsyncClient(base_url=f"http://{found.otlp_http_listen}") as otlp,
        grpc.aio.insecure_channel(str(found.otlp_grpc_listen)) as channel,
    ):
        yield Viewer(found, web, otlp, channel)


@asynccontextmanager
async def viewer_with_orders(folder: Path) -> AsyncIterator[Viewer]:
    """A viewer with two traces: 1 is a good order, 2, a second later, one that failed."""
    async with running_viewer(folder) as running:
        await running.send(request(1, ORDER))
        await running.send(request(2, FAILED, SECOND_US))
        await running.has(1, len(ORDER))
        await running.has(2, len(FAILED))
        yield running
