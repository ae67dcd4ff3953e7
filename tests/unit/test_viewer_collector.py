"""The collector: whatever comes, by gRPC or HTTP, it answers, keeps what is good, and goes on."""

from __future__ import annotations

import asyncio
import gzip
import json
import sqlite3
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.protobuf.json_format import MessageToDict
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import SpanKind

from mesh.viewer import ingest as ingesting
from mesh.viewer.ingest import Ingest
from mesh.viewer.otlp import MAX_SPAN_BYTES
from mesh.viewer.receivers import MAX_REQUEST_BYTES
from mesh.viewer.settings import ViewerSettings
from tests.support.eventually import eventually
from tests.support.viewer import ORDER, TRACES, Sent, Viewer, request, running_viewer, trace_id

PROTOBUF = {"content-type": "application/x-protobuf"}
JSON = {"content-type": "application/json"}


@pytest.fixture
async def viewer(tmp_path: Path) -> AsyncIterator[Viewer]:
    async with running_viewer(tmp_path) as running:
        yield running


async def test_spans_of_the_real_exporter_are_found(viewer: Viewer) -> None:
    exporter = OTLPSpanExporter(endpoint=str(viewer.settings.otlp_grpc_listen), insecure=True)
    provider = TracerProvider(resource=Resource.create({"service.name": "order"}))
    provider.add_span_processor(BatchSpanProcessor(exporter))
    tracer = provider.get_tracer("test")
    with (
        tracer.start_as_current_span("outer", kind=SpanKind.SERVER) as outer,
        tracer.start_as_current_span("inner", attributes={"n": 1, "list": ["a", "b"]}),
    ):
        pass
    await asyncio.get_running_loop().run_in_executor(None, provider.shutdown)
    trace = await viewer.has(outer.get_span_context().trace_id, 2)
    by_name = {span["operationName"]: span for span in trace["spans"]}
    assert by_name["inner"]["references"][0]["spanID"] == by_name["outer"]["spanID"]
    assert {"key": "list", "type": "string", "value": '["a", "b"]'} in by_name["inner"]["tags"]
    assert await viewer.get("/api/services") == ["order"]


@pytest.mark.parametrize("packed", [False, True])
async def test_http_takes_protobuf_plain_and_gzip(viewer: Viewer, packed: bool) -> None:
    body = request(1, ORDER).SerializeToString()
    headers = PROTOBUF | ({"content-encoding": "gzip"} if packed else {})
    answer = await viewer.otlp.post(
        "/v1/traces", content=gzip.compress(body) if packed else body, headers=headers
    )
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/x-protobuf"
    assert not ExportTraceServiceResponse.FromString(answer.content).HasField("partial_success")
    await viewer.has(1, len(ORDER))


def otlp_json(message: ExportTraceServiceRequest) -> Any:
    """The request as OTLP JSON has it: ids in hex."""
    found = MessageToDict(message, use_integers_for_enums=True)
    for group in found["resourceSpans"]:
        for span in group["scopeSpans"][0]["spans"]:
            source = next(
                each
                for resource in message.resource_spans
                for scope in resource.scope_spans
                for each in scope.spans
                if each.name == span["name"] and each.kind == span["kind"]
            )
            span["traceId"], span["spanId"] = source.trace_id.hex(), source.span_id.hex().upper()
            if source.parent_span_id:
                span["parentSpanId"] = source.parent_span_id.hex()
    return found


async def test_http_takes_json_with_ids_in_hex_and_unknown_fields(viewer: Viewer) -> None:
    body = otlp_json(request(1, ORDER)) | {"fieldOfTomorrow": 1}
    answer = await viewer.otlp.post("/v1/traces", json=body)
    assert (answer.status_code, answer.json()) == (200, {})
    trace = await viewer.has(1, len(ORDER))
    assert [span["spanID"] for span in trace["spans"]] == [f"{n:016x}" for n in range(1, 6)]


def huge() -> bytes:
    return gzip.compress(bytes(MAX_REQUEST_BYTES + 2))


@pytest.mark.parametrize(
    ("body", "headers", "status"),
    [
        (b"\xff\xff\xff", PROTOBUF, 400),
        (b"{", JSON, 400),
        (b"[]", JSON, 400),
        (b'{"resourceSpans": 5}', JSON, 400),
        (b'{"resourceSpans":[{"scopeSpans":[{"spans":[{"traceId":"xyz"}]}]}]}', JSON, 400),
        (b"[" * 100_000, JSON, 400),
        (b"not gzip", PROTOBUF | {"content-encoding": "gzip"}, 400),
        (gzip.compress(b"cut off" * 99)[:-9], PROTOBUF | {"content-encoding": "gzip"}, 400),
        (huge(), PROTOBUF | {"content-encoding": "gzip"}, 400),
        (b"", PROTOBUF | {"content-encoding": "br"}, 400),
        (b"{}", {"content-type": "text/plain"}, 415),
        (b"{}", JSON | {"origin": "http://evil.example"}, 403),
        (b"{}", JSON | {"host": "evil.example"}, 403),
    ],
)
async def test_bad_http_payloads_are_refused_and_the_collector_goes_on(
    viewer: Viewer, body: bytes, headers: dict[str, str], status: int
) -> None:
    answer = await viewer.otlp.post("/v1/traces", content=body, headers=headers)
    assert answer.status_code == status
    await viewer.send(request(2, ORDER))
    await viewer.has(2, len(ORDER))


async def test_a_bad_grpc_payload_is_refused_and_the_collector_goes_on(viewer: Viewer) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await viewer.channel.unary_unary(TRACES, bytes)(b"\xff\xff\xff")
    assert refused.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    await viewer.send(request(2, ORDER))
    await viewer.has(2, len(ORDER))


async def test_spans_without_ids_or_times_or_too_large_are_refused_alone(viewer: Viewer) -> None:
    message = request(3, [*ORDER, *(Sent(str(10 + n)) for n in range(6))])
    bad = [message.resource_spans[len(ORDER) + n].scope_spans[0].spans[0] for n in range(6)]
    bad[0].trace_id = bytes(16)
    bad[1].span_id = b"short"
    bad[2].start_time_unix_nano = 0
    bad[3].end_time_unix_nano = (1 << 64) - 1
    bad[4].name = "x" * (MAX_SPAN_BYTES + 1)
    bad[5].events.add(time_unix_nano=(1 << 64) - 1)
    answer = await viewer.send(message)
    assert answer.partial_success.rejected_spans == 6
    assert "6 spans" in answer.partial_success.error_message
    await viewer.has(3, len(ORDER))
    stats = await viewer.get("/api/stats")
    assert stats["refused"] == {"spans": 6, "logs": 0}
    assert stats["received"]["spans"] == len(ORDER) + 6


async def test_metrics_are_accepted_and_forgotten(viewer: Viewer) -> None:
    body = ExportMetricsServiceRequest().SerializeToString()
    answer = await viewer.otlp.post("/v1/metrics", content=body, headers=PROTOBUF)
    assert answer.status_code == 200


async def test_logs_are_found_by_their_trace_in_time_order(viewer: Viewer) -> None:
    message = ExportLogsServiceRequest()
    group = message.resource_logs.add()
    group.resource.attributes.add(key="service.name").value.string_value = "order"
    records = group.scope_logs.add().log_records
    for time, text in ((3, "third"), (1, "first"), (2, "second")):
        record = records.add(
            time_unix_nano=time * 1_000_000,
            trace_id=bytes.fromhex(trace_id(7)),
            span_id=bytes.fromhex(f"{5:016x}"),
            severity_number=17,
        )
        record.body.string_value = text
        record.attributes.add(key="rpc").value.string_value = "Create"
    records.add(time_unix_nano=5).body.string_value = "outside of any trace"
    records.add(time_unix_nano=5, trace_id=b"bad")
    answer = await viewer.send_logs(message)
    assert answer.partial_success.rejected_log_records == 1

    async def stored() -> Any:
        return await viewer.get("/api/logs", traceId=trace_id(7)) or None

    found = await eventually(stored)
    assert [line["body"] for line in found] == ["first", "second", "third"]
    assert found[0] == {
        "time": 1000,
        "service": "order",
        "severity": "ERROR",
        "severityNumber": 17,
        "spanID": f"{5:016x}",
        "body": "first",
        "attributes": [{"key": "rpc", "type": "string", "value": "Create"}],
    }
    assert (await viewer.get("/api/stats"))["logs"] == 4


async def test_what_finds_no_room_in_the_queue_is_dropped_and_counted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    message = request(1, ORDER)
    monkeypatch.setattr(ingesting, "MAX_QUEUE_BYTES", 2 * message.ByteSize())
    # Not started: nothing leaves the queue.
    ingest = Ingest(ViewerSettings(tmp_path / "t.db"))
    assert [ingest.offer_spans(request(1, ORDER))[0] for _ in range(3)] == [0, 0, len(ORDER)]
    assert ingest.offer_spans(request(1, ORDER)) == (len(ORDER), "5 spans found no room")
    assert ingest.counts.dropped == {"spans": 2 * len(ORDER), "logs": 0}
    await ingest.stop()


async def test_a_full_disk_loses_spans_but_not_the_collector(tmp_path: Path) -> None:
    ingest = Ingest(ViewerSettings(tmp_path / "t.db"))
    connection: sqlite3.Connection = ingest._writer._connection
    pages = connection.execute("PRAGMA page_count").fetchone()[0]
    connection.execute(f"PRAGMA max_page_count={pages + 1}")
    ingest.start()
    big = {"text": "x" * 50_000}
    ingest.offer_spans(request(1, [Sent("1", attributes=big)]))

    async def lost() -> bool:
        return ingest.counts.dropped["spans"] == 1

    await eventually(lost)
    connection.execute("PRAGMA max_page_count=1000000")
    ingest.offer_spans(request(2, ORDER))
    await ingest.stop()
    with sqlite3.connect(tmp_path / "t.db") as store:
        rows = store.execute("SELECT trace_id, span_count FROM traces").fetchall()
    store.close()
    assert rows == [(trace_id(2), len(ORDER))]


@pytest.mark.parametrize("content", [b"this is no database" * 500, b""])
async def test_a_damaged_store_begins_anew(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "traces.db").write_bytes(content)
    async with running_viewer(tmp_path) as viewer:
        await viewer.send(request(1, ORDER))
        await viewer.has(1, len(ORDER))
        assert viewer.settings.store.stat().st_mode & 0o777 == 0o600


async def test_a_store_of_another_version_begins_anew_and_of_this_one_is_kept(
    tmp_path: Path,
) -> None:
    async with running_viewer(tmp_path) as viewer:
        await viewer.send(request(1, ORDER))
        await viewer.has(1, len(ORDER))
    async with running_viewer(tmp_path) as viewer:
        assert len(await viewer.get("/api/traces")) == 1
    with sqlite3.connect(tmp_path / "traces.db") as store:
        store.execute("PRAGMA user_version=99")
    store.close()
    async with running_viewer(tmp_path) as viewer:
        assert await viewer.get("/api/traces") == []


async def test_json_bodies_must_say_so(viewer: Viewer) -> None:
    answer = await viewer.otlp.post("/v1/traces", content=json.dumps({}))
    assert answer.status_code == 415
    assert (await viewer.otlp.get("/v1/traces")).status_code == 405
