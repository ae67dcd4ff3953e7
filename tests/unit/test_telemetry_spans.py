"""Spans of calls, statements and batches: names, parents, status for every outcome."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

import grpc
import pytest
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.trace import SpanKind, StatusCode
from prometheus_client import REGISTRY
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from tradewind.api.v1.reason_pb2 import Reason
from tradewind.inventory.v1 import audit_pb2, stock_pb2
from tradewind.inventory.v1.audit_pb2_grpc import AuditServiceServicer, AuditServiceStub
from tradewind.inventory.v1.stock_pb2_grpc import QuoteServiceServicer, QuoteServiceStub

from mesh.runtime.batch import Batcher
from mesh.runtime.client import MeshChannel
from mesh.runtime.database import Database
from mesh.runtime.errors import CallError
from mesh.telemetry.tracing import Spanned, extract, inject, tracer
from tests.support.eventually import eventually
from tests.support.postgres import PostgresServer
from tests.support.spans import RecordedSpans, context_of, is_below
from tests.support.workloads import Workloads

QUOTES = "tradewind.inventory.v1.QuoteService/BatchGetQuotes"
AUDIT = "tradewind.inventory.v1.AuditService/Audit"
UNSET, ERROR = StatusCode.UNSET, StatusCode.ERROR


class Quotes(QuoteServiceServicer):
    """Does what the asset's name says."""

    def __init__(self) -> None:
        self.called = asyncio.Event()

    async def BatchGetQuotes(
        self, request: stock_pb2.BatchGetQuotesRequest, context: Any
    ) -> stock_pb2.BatchGetQuotesResponse:
        self.called.set()
        match request.asset_ids[0]:
            case "CRASH":
                raise RuntimeError("out of order")
            case "REFUSED":
                raise CallError(Reason.OUT_OF_STOCK, "Nothing is left.")
            case "ABORT":
                await context.abort(grpc.StatusCode.DATA_LOSS, "by hand")
            case "SLOW":
                await asyncio.Event().wait()
        return stock_pb2.BatchGetQuotesResponse()


class Auditor(AuditServiceServicer):
    """A stream that goes on until it is left."""

    async def Audit(
        self, request: audit_pb2.AuditRequest, context: Any
    ) -> AsyncIterator[audit_pb2.AuditResponse]:
        yield audit_pb2.AuditResponse()
        yield audit_pb2.AuditResponse()
        await asyncio.Event().wait()


@pytest.fixture
def spans() -> RecordedSpans:
    return RecordedSpans()


@pytest.fixture
async def quotes(tmp_path: Path) -> AsyncIterator[tuple[Quotes, MeshChannel]]:
    workloads, servicer = Workloads(tmp_path), Quotes()
    service = workloads.service("inventory")
    service.serve(servicer)
    service.serve(Auditor())
    await service.start()
    address = service.settings.listen
    async with MeshChannel("inventory", [address], workloads.identity("order")) as channel:
        yield servicer, channel
    await service.stop()


async def both(spans: RecordedSpans, name: str) -> tuple[ReadableSpan, ReadableSpan]:
    """A call's spans at the client and at the server."""

    async def ended() -> bool:
        return len(spans.named(name)) == 2

    await eventually(ended)
    found = {span.kind: span for span in spans.named(name)}
    client, server = found[SpanKind.CLIENT], found[SpanKind.SERVER]
    assert is_below(server, client)
    return client, server


def attributes(span: ReadableSpan) -> dict[str, Any]:
    return dict(span.attributes or {})


@pytest.mark.parametrize(
    ("asset", "code", "client_status", "server_status", "error_type"),
    [
        ("OK", "OK", UNSET, UNSET, None),
        ("REFUSED", "FAILED_PRECONDITION", ERROR, UNSET, "OUT_OF_STOCK"),
        ("CRASH", "INTERNAL", ERROR, ERROR, "INTERNAL"),
        ("ABORT", "DATA_LOSS", ERROR, ERROR, "DATA_LOSS"),
        ("SLOW", "DEADLINE_EXCEEDED", ERROR, ERROR, "DEADLINE_EXCEEDED"),
    ],
)
async def test_each_outcome_of_a_call_has_its_status(
    quotes: tuple[Quotes, MeshChannel],
    spans: RecordedSpans,
    asset: str,
    code: str,
    client_status: StatusCode,
    server_status: StatusCode,
    error_type: str | None,
) -> None:
    call = QuoteServiceStub(quotes[1]).BatchGetQuotes(
        stock_pb2.BatchGetQuotesRequest(asset_ids=[asset]), timeout=0.5
    )
    if code == "OK":
        await call
    else:
        with pytest.raises(grpc.aio.AioRpcError) as failed:
            await call
        assert failed.value.code().name == code
    client, server = await both(spans, QUOTES)
    fixed = {"rpc.system.name": "grpc", "rpc.method": QUOTES, "rpc.response.status_code": code}
    assert (client.status.status_code, server.status.status_code) == (client_status, server_status)
    assert fixed.items() <= attributes(client).items()
    assert fixed.items() <= attributes(server).items()
    assert attributes(client)["server.address"] == "inventory"
    assert attributes(server).get("error.type") == error_type
    assert [event.name for event in server.events] == (["exception"] if asset == "CRASH" else [])
    assert client.events == ()


async def test_a_cancelled_call_is_told_on_both_sides(
    quotes: tuple[Quotes, MeshChannel], spans: RecordedSpans
) -> None:
    servicer, channel = quotes

    async def call() -> None:
        await QuoteServiceStub(channel).BatchGetQuotes(
            stock_pb2.BatchGetQuotesRequest(asset_ids=["SLOW"])
        )

    task = asyncio.create_task(call())
    await servicer.called.wait()
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    client, server = await both(spans, QUOTES)
    assert attributes(client)["rpc.response.status_code"] == "CANCELLED"
    assert attributes(server)["rpc.response.status_code"] == "CANCELLED"
    assert (client.status.status_code, server.status.status_code) == (ERROR, UNSET)


async def test_a_stream_that_is_left_has_spans_on_both_sides_that_are_no_errors(
    workloads_of_cli: tuple[MeshChannel, RecordedSpans],
) -> None:
    channel, spans = workloads_of_cli
    stream = AuditServiceStub(channel).Audit(audit_pb2.AuditRequest())
    with tracer.start_as_current_span("reader"):
        await anext(aiter(stream))
        with tracer.start_as_current_span("between"):
            pass
        await stream.aclose()  # type: ignore[attr-defined]
    client, server = await both(spans, AUDIT)
    assert is_below(client, spans.one("reader"))
    assert is_below(spans.one("between"), spans.one("reader"))
    assert attributes(client)["rpc.response.status_code"] == "CANCELLED"
    assert (client.status.status_code, server.status.status_code) == (UNSET, UNSET)


@pytest.fixture
async def workloads_of_cli(
    tmp_path: Path, spans: RecordedSpans
) -> AsyncIterator[tuple[MeshChannel, RecordedSpans]]:
    workloads = Workloads(tmp_path)
    service = workloads.service("inventory")
    service.serve(Auditor())
    await service.start()
    address = service.settings.listen
    async with MeshChannel("inventory", [address], workloads.identity("cli")) as channel:
        yield channel, spans
    await service.stop()


async def test_a_refused_stream_is_an_error(
    quotes: tuple[Quotes, MeshChannel], spans: RecordedSpans
) -> None:
    stream = AuditServiceStub(quotes[1]).Audit(audit_pb2.AuditRequest())
    with pytest.raises(grpc.aio.AioRpcError):
        await anext(aiter(stream))
    client, server = await both(spans, AUDIT)
    assert client.status.status_code is ERROR
    assert attributes(server)["error.type"] == "CALLER_NOT_ALLOWED"


@pytest.fixture(params=["sqlite", "postgresql"])
async def database(
    request: pytest.FixtureRequest, tmp_path: Path
) -> AsyncIterator[tuple[Database, str]]:
    kind: str = request.param
    if kind == "sqlite":
        found = Database(f"sqlite:///{tmp_path / 't.db'}", "things")
    else:
        server: PostgresServer = request.getfixturevalue("postgres_server")
        found = Database(server.new_database(), "public")
    async with found.writer() as connection:
        await connection.execute(text("CREATE TABLE things (name TEXT PRIMARY KEY, n INTEGER)"))
    yield found, kind
    await found.close()


async def test_statements_have_spans_without_values(
    database: tuple[Database, str], spans: RecordedSpans
) -> None:
    found, kind = database

    async def work(connection: Any) -> None:
        insert = text("INSERT INTO things (name, n) VALUES (:name, :n)")
        await connection.execute(insert, [{"name": "bob@example.org", "n": n} for n in (1,)])
        await connection.execute(insert, [{"name": f"secret {n}", "n": n} for n in (2, 3)])
        await connection.execute(text("UPDATE things SET n = 4 WHERE name = 'quoted secret'"))

    with tracer.start_as_current_span("request") as outer:
        await found.transact(work)
        async with found.read() as connection:
            await connection.execute(
                text("WITH a AS (SELECT 1) SELECT * FROM things JOIN a ON true")
            )
    transaction = spans.one("transaction")
    statements = [span for span in spans.all() if span.kind is SpanKind.CLIENT]
    by_name = {span.name: span for span in statements}
    # SQLite's BEGIN waits for the other writers: it is worth a span.
    begin = {"BEGIN"} if kind == "sqlite" else set()
    assert set(by_name) == {"INSERT things", "UPDATE things", "SELECT things a"} | begin
    for span in spans.named("INSERT things"):
        assert is_below(span, transaction)
        assert {
            "db.system.name": kind,
            "db.operation.name": "INSERT",
            "db.query.summary": "INSERT things",
        }.items() <= attributes(span).items()
    sizes = [
        attributes(span).get("db.operation.batch.size") for span in spans.named("INSERT things")
    ]
    assert 2 in sizes
    told = str([(span.name, attributes(span)) for span in spans.all()])
    assert "secret" not in told
    assert "example.org" not in told
    assert all(
        context_of(span).trace_id == outer.get_span_context().trace_id for span in statements
    )


async def test_a_failed_statement_tells_its_code_and_no_values(
    database: tuple[Database, str], spans: RecordedSpans
) -> None:
    found, kind = database

    async def twice(connection: Any) -> None:
        insert = text("INSERT INTO things (name) VALUES (:name)")
        await connection.execute(insert, {"name": "secret"})
        await connection.execute(insert, {"name": "secret"})

    with tracer.start_as_current_span("request"), pytest.raises(DBAPIError) as failed:
        await found.transact(twice)
    assert "[SQL parameters hidden" in str(failed.value)
    first, second = spans.named("INSERT things")
    assert first.status.status_code is UNSET
    assert second.status.status_code is ERROR
    expected = "23505" if kind == "postgresql" else "IntegrityError"
    assert attributes(second)["error.type"] == expected
    assert second.events == ()


async def test_statements_outside_of_a_sampled_trace_have_no_spans(
    database: tuple[Database, str], spans: RecordedSpans
) -> None:
    parent = extract([("traceparent", f"00-{1:032x}-{2:016x}-00")])
    with Spanned("request", SpanKind.SERVER, context=parent):
        assert dict(inject())["traceparent"] == f"00-{1:032x}-{2:016x}-00"
        await database[0].ping()
    assert spans.all() == []


@pytest.mark.parametrize(
    ("sent", "expected"),
    [
        ({"traceparent": f"00-{5:032x}-{6:016x}-01"}, f"00-{5:032x}-{6:016x}-01"),
        ({"traceparent": f"00-{5:032x}-{6:016x}-00"}, f"00-{5:032x}-{6:016x}-00"),
        ({"traceparent": f"01-{5:032x}-{6:016x}-01"}, f"00-{5:032x}-{6:016x}-01"),
        ({"traceparent": f"00-{0:032x}-{6:016x}-01"}, None),
        ({"traceparent": f"00-{5:032x}-{0:016x}-01"}, None),
        ({"traceparent": f"ff-{5:032x}-{6:016x}-01"}, None),
        ({"traceparent": "nonsense"}, None),
        ({"tracestate": "a=b"}, None),
        ({}, None),
    ],
)
async def test_a_trace_context_is_carried_on(sent: dict[str, str], expected: str | None) -> None:
    assert dict(inject(extract(sent.items()))).get("traceparent") == expected


async def test_a_trace_state_is_carried_on() -> None:
    sent = {"traceparent": f"00-{5:032x}-{6:016x}-01", "tracestate": "a=b"}
    assert dict(inject(extract(sent.items()))) == sent


async def test_background_work_begins_no_traces(
    database: tuple[Database, str], spans: RecordedSpans
) -> None:
    async def work(connection: Any) -> None:
        await connection.execute(text("SELECT 1"))

    await database[0].transact(work)
    assert spans.all() == []


async def test_pools_are_measured(database: tuple[Database, str]) -> None:
    found, kind = database
    labels = {"database": "public" if kind == "postgresql" else "things", "pool": "read"}
    used = labels | {"state": "used"}
    assert REGISTRY.get_sample_value("db_client_connections", used) == 0
    async with found.read() as connection:
        await connection.execute(text("SELECT 1"))
        assert REGISTRY.get_sample_value("db_client_connections", used) == 1
    limit = REGISTRY.get_sample_value("db_client_connections_max", labels)
    assert limit == (8 if kind == "postgresql" else 4)


async def test_each_item_of_a_batch_keeps_its_own_trace(spans: RecordedSpans) -> None:
    async def flush(items: Sequence[str]) -> list[str | Exception]:
        with tracer.start_as_current_span("statement"):
            pass
        return [
            CallError(Reason.OUT_OF_STOCK, "No.") if item == "refused" else item for item in items
        ]

    batcher: Batcher[str, str] = Batcher("things", flush)

    async def submit(item: str) -> str:
        with tracer.start_as_current_span(f"request {item}"):
            return await batcher.submit(item)

    names = ["a", "b", "refused"]
    await asyncio.gather(*(submit(name) for name in names), return_exceptions=True)
    await batcher.drain()
    batch = spans.one("batch things")
    items = spans.named("things item")
    requests = [spans.one(f"request {name}") for name in names]
    assert [is_below(item, of) for item, of in zip(items, requests, strict=True)] == [True] * 3
    assert is_below(batch, items[0])
    assert is_below(spans.one("statement"), batch)
    for item in items:
        assert [link.context.span_id for link in item.links] == [context_of(batch).span_id]
    assert [link.context.span_id for link in batch.links] == [
        context_of(item).span_id for item in items[1:]
    ]
    assert attributes(batch) == {"tradewind.batch.name": "things", "tradewind.batch.items": 3}
    assert attributes(items[2])["error.type"] == "OUT_OF_STOCK"
    assert items[2].status.status_code is UNSET


async def test_a_batch_lies_in_the_first_trace_that_is_sampled(spans: RecordedSpans) -> None:
    async def flush(items: Sequence[str]) -> list[str]:
        raise OSError("down")

    batcher: Batcher[str, str] = Batcher("things", flush)

    async def submit(sampled: bool) -> None:
        parent = extract([("traceparent", f"00-{1 + sampled:032x}-{2:016x}-0{int(sampled)}")])
        with Spanned("request", SpanKind.SERVER, context=parent):
            await batcher.submit("a")

    await asyncio.gather(submit(False), submit(True), submit(False), return_exceptions=True)
    await batcher.drain()
    batch, item = spans.one("batch things"), spans.one("things item")
    assert is_below(batch, item)
    assert context_of(batch).trace_id == 2
    assert batch.status.status_code is ERROR
    assert attributes(item)["error.type"] == "OSError"
