"""Spans and log lines on their way to a collector, which may be slow, full or away."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc
import httpx
import pytest
from opentelemetry import trace
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.trace import Link, SpanContext, SpanKind, Status, StatusCode, TraceFlags, Tracer
from prometheus_client import REGISTRY

from mesh.runtime.http import HttpPort
from mesh.telemetry import export, metrics
from mesh.telemetry.encoding import key_values
from mesh.telemetry.export import Exporter, ExportingProcessor
from mesh.telemetry.logs import OtlpHandler, audit
from mesh.viewer.main import serving
from mesh.viewer.settings import Address, ViewerSettings
from tests.support.eventually import eventually
from tests.support.ports import free_port
from tests.support.viewer import TRACES, Viewer, running_viewer

LATE = "telemetry collector is away"


@dataclass(frozen=True)
class Process:
    """What a process that exports consists of."""

    exporter: Exporter
    tracer: Tracer
    log: logging.Logger

    async def stop(self) -> None:
        await asyncio.get_running_loop().run_in_executor(None, self.exporter.stop)


def start(endpoint: str) -> Process:
    resource = Resource.create({"service.name": "order"})
    exporter = Exporter(endpoint, key_values(resource.attributes))
    provider = TracerProvider(resource=resource, shutdown_on_exit=False)
    provider.add_span_processor(ExportingProcessor(exporter))
    log = logging.getLogger("test.export")
    log.setLevel(logging.INFO)
    log.handlers = [OtlpHandler(exporter.offer_log)]
    return Process(exporter, provider.get_tracer("tradewind"), log)


@pytest.fixture
async def viewer(tmp_path: Path) -> AsyncIterator[Viewer]:
    async with running_viewer(tmp_path) as running:
        yield running


@pytest.fixture(autouse=True)
def clean_log() -> Iterator[None]:
    yield
    logging.getLogger("test.export").handlers = []


def counted(name: str, signal: str = "spans") -> float:
    return REGISTRY.get_sample_value(name, {"signal": signal}) or 0


async def test_spans_and_log_lines_arrive_as_they_were(viewer: Viewer) -> None:
    process = start(str(viewer.settings.otlp_grpc_listen))
    other = SpanContext(1, 2, is_remote=True, trace_flags=TraceFlags(1))
    with process.tracer.start_as_current_span(
        "outer", kind=SpanKind.SERVER, links=[Link(other)], attributes={"n": 1, "ok": True}
    ) as outer:
        outer.add_event("retry", {"share": 0.5})
        process.log.warning("odd", extra={"rpc": "Create", "attempt": 2})
        try:
            int("broken")
        except ValueError:
            process.log.exception("failed")
        with process.tracer.start_as_current_span("inner", attributes={"names": ("a", "b")}) as one:
            one.set_status(Status(StatusCode.ERROR, "INTERNAL"))
    await process.stop()
    number = outer.get_span_context().trace_id
    trace = await viewer.has(number, 2)
    outer_json, inner_json = trace["spans"]
    assert inner_json["references"][0]["spanID"] == outer_json["spanID"]
    assert outer_json["references"][0] == {
        "refType": "FOLLOWS_FROM",
        "traceID": f"{1:032x}",
        "spanID": f"{2:016x}",
    }
    tags = {tag["key"]: tag["value"] for tag in outer_json["tags"] + inner_json["tags"]}
    assert tags["n"] == 1
    assert tags["ok"] is True
    assert tags["names"] == '["a", "b"]'
    assert tags["otel.status_description"] == "INTERNAL"
    assert tags["span.kind"] == "internal"
    assert outer_json["logs"][0]["fields"][1] == {"key": "share", "type": "float64", "value": 0.5}
    assert trace["processes"]["p1"]["serviceName"] == "order"

    async def lines() -> Any:
        found = await viewer.get("/api/logs", traceId=f"{number:032x}")
        return found if len(found) == 2 else None

    warning, failure = await eventually(lines)
    assert (warning["severity"], warning["body"]) == ("WARN", "odd")
    assert {"key": "attempt", "type": "int64", "value": 2} in warning["attributes"]
    assert warning["spanID"] == outer_json["spanID"]
    stack = {tag["key"]: tag["value"] for tag in failure["attributes"]}
    assert stack["exception.type"] == "ValueError"
    assert "broken" in stack["exception.stacktrace"]


async def test_a_collector_that_is_away_costs_one_line_and_gets_all_when_it_comes(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    port = free_port()
    process = start(f"127.0.0.1:{port}")
    with caplog.at_level(logging.INFO, logger=export.__name__):
        with process.tracer.start_as_current_span("early") as span:
            pass

        async def noticed() -> bool:
            return LATE in caplog.messages

        await eventually(noticed)
        with process.tracer.start_as_current_span("second"):
            pass
        any_port = Address("127.0.0.1", 0)
        settings = ViewerSettings(tmp_path / "t.db", any_port, Address("127.0.0.1", port), any_port)
        async with (
            serving(settings) as found,
            httpx.AsyncClient(base_url=f"http://{found.http_listen}") as web,
        ):

            async def arrived() -> bool:
                path = f"/api/traces/{span.get_span_context().trace_id:032x}"
                return (await web.get(path)).status_code == 200

            await eventually(arrived)
        await process.stop()
    assert caplog.messages == [LATE, "telemetry collector answers again"]
    assert not any(record.exc_info for record in caplog.records)


async def test_what_finds_no_room_is_dropped_and_counted_and_nobody_waits(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(export, "MAX_QUEUE", 100)
    monkeypatch.setattr(export, "LAST_SEND_S", 0.2)
    before = counted("telemetry_dropped_total")
    process = start(f"127.0.0.1:{free_port()}")
    began = time.monotonic()
    for _ in range(5_000):
        process.tracer.start_span("work").end()
    assert time.monotonic() - began < 5
    assert counted("telemetry_queue_items") <= 100
    await process.stop()
    assert counted("telemetry_dropped_total") - before == 5_000


async def test_a_collector_that_refuses_loses_that_batch_only() -> None:
    answers = [grpc.StatusCode.INVALID_ARGUMENT, grpc.StatusCode.OK]

    async def answer(request: bytes, context: Any) -> bytes:
        if (code := answers.pop(0)) is not grpc.StatusCode.OK:
            await context.abort(code)
        return b""

    server = grpc.aio.server()
    _, service, method = TRACES.split("/")
    handler: grpc.RpcMethodHandler[Any, Any] = grpc.unary_unary_rpc_method_handler(answer)
    server.add_generic_rpc_handlers(
        (grpc.method_handlers_generic_handler(service, {method: handler}),)
    )
    process = start(f"127.0.0.1:{server.add_insecure_port('127.0.0.1:0')}")
    await server.start()
    dropped, sent = counted("telemetry_dropped_total"), counted("telemetry_sent_total")

    async def one_more(name: str, value: float) -> None:
        process.tracer.start_span("work").end()

        async def is_counted() -> bool:
            return counted(name) == value + 1

        await eventually(is_counted)

    await one_more("telemetry_dropped_total", dropped)
    await one_more("telemetry_sent_total", sent)
    await process.stop()
    await server.stop(None)


async def test_unsampled_spans_do_not_leave() -> None:
    process = start("127.0.0.1:1")
    before = counted("telemetry_queue_items")
    context = SpanContext(1, 2, is_remote=True, trace_flags=TraceFlags(0))
    parent = trace.set_span_in_context(trace.NonRecordingSpan(context))
    process.tracer.start_span("work", parent).end()
    assert counted("telemetry_queue_items") == before
    await process.stop()


async def test_exemplars_are_told_to_those_who_ask_for_openmetrics() -> None:
    call = metrics.CallMetric(metrics.server_calls, "/test/Exemplar")
    call.observe("OK", 0.003, f"{77:032x}")
    call.observe("OK", 0.2, "")
    port = HttpPort({})
    number = await port.start("127.0.0.1", 0)
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{number}") as client:
        plain = await client.get("/metrics", headers={"accept": "text/plain"})
        rich = await client.get("/metrics", headers={"accept": "application/openmetrics-text"})
    await port.stop()
    line = (
        'rpc_server_call_duration_seconds_bucket{code="OK",le="0.005",rpc_method="/test/Exemplar"}'
    )
    assert f"{line} 1.0\n" in plain.text
    assert f'{line} 1.0 # {{trace_id="{77:032x}"}} 0.003' in rich.text
    assert plain.headers["content-type"].startswith("text/plain")
    assert rich.headers["content-type"].startswith("application/openmetrics-text")


def test_the_audit_stream_has_a_logger_of_its_own(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, logger="audit"):
        audit("login refused", user_id="1", reason="CREDENTIALS_INVALID")
    (record,) = caplog.records
    assert (record.name, record.message) == ("audit", "login refused")
    assert vars(record)["reason"] == "CREDENTIALS_INVALID"
