"""A real server and real clients over mTLS: every check of the pipeline, in its order."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import grpc
import httpx
import pytest
from google.rpc import error_details_pb2, status_pb2
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc
from opentelemetry import trace
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from tradewind.api.v1.reason_pb2 import Reason
from tradewind.inventory.v1 import audit_pb2, stock_pb2
from tradewind.inventory.v1.audit_pb2_grpc import AuditServiceServicer, AuditServiceStub
from tradewind.inventory.v1.stock_pb2_grpc import (
    QuoteServiceServicer,
    QuoteServiceStub,
    StockServiceServicer,
    StockServiceStub,
)
from tradewind.order.v1 import order_pb2
from tradewind.order.v1.order_pb2_grpc import OrderServiceServicer, OrderServiceStub

from mesh.contract.methods import public_services
from mesh.identity.files import IdentityFiles
from mesh.identity.names import ROLES_HEADER, SUBJECT_HEADER
from mesh.runtime.client import MeshChannel
from mesh.runtime.context import current_call, remaining_s
from mesh.runtime.errors import DETAILS_KEY, CallError, reason_of
from mesh.runtime.service import Service
from mesh.runtime.settings import ServiceSettings
from tests.support.eventually import eventually
from tests.support.ports import free_port
from tests.support.spans import exporter
from tests.support.workloads import Workloads

ALICE = "0190aaaa-0000-7000-8000-000000000001"
ROLES = base64.urlsafe_b64encode(json.dumps(["CUSTOMER"]).encode()).decode().rstrip("=")
FROM_EDGE = ((SUBJECT_HEADER, ALICE), (ROLES_HEADER, ROLES))


class Quotes(QuoteServiceServicer):
    """Quotes that do what their asset's name says."""

    def __init__(self) -> None:
        self.calls = 0
        self.released = asyncio.Event()

    async def is_called(self) -> bool:
        return self.calls > 0

    async def BatchGetQuotes(
        self, request: stock_pb2.BatchGetQuotesRequest, context: Any
    ) -> stock_pb2.BatchGetQuotesResponse:
        self.calls += 1
        match request.asset_ids[:1]:
            case ["CRASH"]:
                raise RuntimeError("secret internals")
            case ["SLOW"]:
                await self.released.wait()
            case ["FLAKY"] if self.calls < 3:
                raise CallError(Reason.SERVICE_UNAVAILABLE, "Try again.")
            case ["DOWN"]:
                raise CallError(Reason.SERVICE_UNAVAILABLE, "Try again.")
        caller = current_call().caller
        left = f"{remaining_s(100):.1f}"
        return stock_pb2.BatchGetQuotesResponse(
            quotes=[stock_pb2.Quote(asset_id="BTC", name=caller, price=left)]
        )


class Stock(StockServiceServicer):
    """A stock whose callers are told from the edge's."""

    async def ReserveStock(self, request: Any, context: Any) -> stock_pb2.ReserveStockResponse:
        return stock_pb2.ReserveStockResponse()

    async def CommitStock(self, request: Any, context: Any) -> stock_pb2.CommitStockResponse:
        raise TimeoutError

    async def ReleaseStock(self, request: Any, context: Any) -> stock_pb2.ReleaseStockResponse:
        raise CallError(Reason.OUT_OF_STOCK, "None left.", metadata={"orderId": "o"})


class Auditor(AuditServiceServicer):
    """Streams three messages."""

    async def Audit(
        self, request: audit_pb2.AuditRequest, context: Any
    ) -> AsyncIterator[audit_pb2.AuditResponse]:
        for number in range(3):
            yield audit_pb2.AuditResponse(levels=[audit_pb2.StockLevel(available=number)])


class Orders(OrderServiceServicer):
    """Answers who asks."""

    async def CreateOrder(self, request: Any, context: Any) -> order_pb2.Order:
        call = current_call()
        return order_pb2.Order(order_id=call.subject, request_id=",".join(sorted(call.roles)))

    async def GetOrder(self, request: Any, context: Any) -> order_pb2.Order:
        return order_pb2.Order()

    async def CancelOrder(self, request: Any, context: Any) -> order_pb2.Order:
        return order_pb2.Order()

    async def ListOrders(self, request: Any, context: Any) -> order_pb2.ListOrdersResponse:
        return order_pb2.ListOrdersResponse()


class Running:
    """The service under test and ways to call it."""

    def __init__(self, workloads: Workloads) -> None:
        self.workloads = workloads
        self.service: Service[ServiceSettings] = workloads.service("inventory")
        self.quotes = Quotes()
        self.channels: list[grpc.aio.Channel] = []

    def as_workload(self, name: str, address: str | None = None) -> MeshChannel:
        channel = MeshChannel(
            "inventory",
            [address or self.service.settings.listen],
            self.workloads.identity(name),
        )
        self.channels.append(channel)
        return channel

    def plain(self, files: IdentityFiles | None) -> grpc.aio.Channel:
        """A bare gRPC channel, with or without a client certificate."""
        authority = self.workloads.identity("edge").ca.read_bytes()
        credentials = grpc.ssl_channel_credentials(
            authority,
            files.key.read_bytes() if files else None,
            files.certificate.read_bytes() if files else None,
        )
        options = [("grpc.ssl_target_name_override", "inventory")]
        channel = grpc.aio.secure_channel(
            self.service.settings.listen, credentials, options=options
        )
        self.channels.append(channel)
        return channel


@pytest.fixture
async def running(tmp_path: Path) -> AsyncIterator[Running]:
    found = Running(Workloads(tmp_path))
    for servicer in (found.quotes, Stock(), Auditor(), Orders()):
        found.service.serve(servicer)
    await found.service.start()
    yield found
    for channel in found.channels:
        await channel.close()
    await found.service.stop()


@pytest.fixture(scope="module")
def spans() -> InMemorySpanExporter:
    return exporter()


@pytest.mark.parametrize("sent", [b"\xff\xff\xff", b"\x0a\x02\xff\xfe"])
async def test_bytes_that_are_no_message_are_refused_without_a_word_of_ours(
    running: Running, sent: bytes
) -> None:
    channel = running.plain(running.workloads.identity("order"))
    call: Any = channel.unary_unary("/tradewind.inventory.v1.QuoteService/BatchGetQuotes")
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await call(sent, timeout=5)
    assert refused.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert reason_of(refused.value) == Reason.MALFORMED_REQUEST
    assert "class" not in (refused.value.details() or "")


def details(error: grpc.aio.AioRpcError) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in error.trailing_metadata() or ():
        if key == DETAILS_KEY:
            assert isinstance(value, bytes)
            for detail in status_pb2.Status.FromString(value).details:
                for kind in (
                    error_details_pb2.ErrorInfo,
                    error_details_pb2.BadRequest,
                    error_details_pb2.RequestInfo,
                ):
                    message = kind()
                    if detail.Unpack(message):
                        found[kind.DESCRIPTOR.name] = message
    return found


async def refusal(call: Any) -> grpc.aio.AioRpcError:
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await call
    return refused.value


async def test_a_listed_caller_is_known_by_its_certificate(running: Running) -> None:
    stub = QuoteServiceStub(running.as_workload("order"))
    reply = await stub.BatchGetQuotes(stock_pb2.BatchGetQuotesRequest())
    assert reply.quotes[0].name == "order"


async def test_a_caller_that_is_not_listed_is_refused(running: Running) -> None:
    stub = StockServiceStub(running.as_workload("user"))
    error = await refusal(stub.ReserveStock(stock_pb2.ReserveStockRequest()))
    assert error.code() is grpc.StatusCode.PERMISSION_DENIED
    assert reason_of(error) == Reason.CALLER_NOT_ALLOWED


async def test_without_a_client_certificate_there_is_no_connection(running: Running) -> None:
    stub = QuoteServiceStub(running.plain(None))
    error = await refusal(stub.BatchGetQuotes(stock_pb2.BatchGetQuotesRequest(), timeout=3))
    assert error.code() is grpc.StatusCode.UNAVAILABLE


async def test_only_the_edge_speaks_for_customers(running: Running) -> None:
    request = order_pb2.CreateOrderRequest(
        request_id="r", asset_id="BTC", side="BUY", type="MARKET", quantity="1"
    )
    identity = running.workloads.identity
    edge = OrderServiceStub(running.plain(identity("edge")))
    order = await edge.CreateOrder(request, metadata=FROM_EDGE)
    assert (order.order_id, order.request_id) == (ALICE, "CUSTOMER")
    user = OrderServiceStub(running.plain(identity("user")))
    error = await refusal(user.CreateOrder(request, metadata=FROM_EDGE))
    assert error.code() is grpc.StatusCode.PERMISSION_DENIED
    error = await refusal(edge.CreateOrder(request))
    assert reason_of(error) == Reason.TOKEN_MISSING
    error = await refusal(
        edge.CreateOrder(request, metadata=((SUBJECT_HEADER, ""), (ROLES_HEADER, "!!")))
    )
    assert reason_of(error) == Reason.TOKEN_MISSING


async def test_authorisation_comes_before_validation(running: Running) -> None:
    stub = OrderServiceStub(running.plain(running.workloads.identity("edge")))
    error = await refusal(stub.CreateOrder(order_pb2.CreateOrderRequest()))
    assert error.code() is grpc.StatusCode.UNAUTHENTICATED
    error = await refusal(stub.CreateOrder(order_pb2.CreateOrderRequest(), metadata=FROM_EDGE))
    fields = {found.field for found in details(error)["BadRequest"].field_violations}
    assert fields == {"requestId", "assetId", "side", "type", "quantity"}


async def test_a_crash_tells_the_trace_id_and_nothing_else(
    running: Running, spans: InMemorySpanExporter
) -> None:
    spans.clear()
    stub = QuoteServiceStub(running.as_workload("order"))
    error = await refusal(stub.BatchGetQuotes(stock_pb2.BatchGetQuotesRequest(asset_ids=["CRASH"])))
    assert error.code() is grpc.StatusCode.INTERNAL
    assert "secret" not in str(error)
    server, client = spans.get_finished_spans()
    assert server.context is not None
    assert details(error)["RequestInfo"].request_id == f"{server.context.trace_id:032x}"
    assert server.parent is not None
    assert client.context is not None
    assert server.parent.span_id == client.context.span_id
    assert server.status.status_code is trace.StatusCode.ERROR
    assert server.events[0].name == "exception"


async def test_a_refusal_carries_its_reason_and_metadata(running: Running) -> None:
    stub = StockServiceStub(running.as_workload("order"))
    request = stock_pb2.ReleaseStockRequest(attempt_ids=["a"])
    error = await refusal(stub.ReleaseStock(request))
    assert error.code() is grpc.StatusCode.FAILED_PRECONDITION
    assert details(error)["ErrorInfo"].metadata["orderId"] == "o"


async def test_the_deadline_is_the_shorter_of_both_and_is_told_with_details(
    running: Running,
) -> None:
    stub = QuoteServiceStub(running.as_workload("order"))
    reply = await stub.BatchGetQuotes(stock_pb2.BatchGetQuotesRequest())
    assert float(reply.quotes[0].price) <= 2.0
    error = await refusal(
        stub.BatchGetQuotes(stock_pb2.BatchGetQuotesRequest(asset_ids=["SLOW"]), timeout=0.2)
    )
    assert error.code() is grpc.StatusCode.DEADLINE_EXCEEDED
    assert reason_of(error) == Reason.DEADLINE_EXCEEDED
    stock = StockServiceStub(running.as_workload("order"))
    error = await refusal(stock.CommitStock(stock_pb2.CommitStockRequest(attempt_ids=["a"])))
    assert error.code() is grpc.StatusCode.DEADLINE_EXCEEDED


async def test_unavailable_is_retried_within_the_budget_only(running: Running) -> None:
    stub = QuoteServiceStub(running.as_workload("order"))
    await stub.BatchGetQuotes(stock_pb2.BatchGetQuotesRequest(asset_ids=["FLAKY"]))
    assert running.quotes.calls == 3
    running.quotes.calls = 0
    request = stock_pb2.BatchGetQuotesRequest(asset_ids=["DOWN"])
    calls = 60
    for _ in range(calls):
        error = await refusal(stub.BatchGetQuotes(request))
        assert error.code() is grpc.StatusCode.UNAVAILABLE
    # The budget: 10 to begin with, then a fifth of the calls.
    assert running.quotes.calls <= calls + 10 + calls * 0.2 + 1


async def test_a_stream_is_authorised_and_arrives_in_order(running: Running) -> None:
    stub = AuditServiceStub(running.as_workload("cli"))
    found = [
        message.levels[0].available
        async for message in stub.Audit(audit_pb2.AuditRequest(), timeout=5)
    ]
    assert found == [0, 1, 2]
    refused = AuditServiceStub(running.as_workload("order"))
    error = await refusal(anext(aiter(refused.Audit(audit_pb2.AuditRequest()))))
    assert error.code() is grpc.StatusCode.PERMISSION_DENIED


async def test_reflection_describes_public_services_and_no_internal_one(running: Running) -> None:
    channel = running.plain(running.workloads.identity("edge"))
    stub: Any = reflection_pb2_grpc.ServerReflectionStub(channel)  # type: ignore[arg-type]

    async def requests() -> AsyncIterator[reflection_pb2.ServerReflectionRequest]:
        yield reflection_pb2.ServerReflectionRequest(list_services="*")

    names: set[str] = set()
    async for reply in stub.ServerReflectionInfo(requests()):
        names |= {service.name for service in reply.list_services_response.service}
    assert set(public_services()) < names
    assert not any("LedgerService" in name or "AuditService" in name for name in names)


async def test_health_serves_until_the_drain(running: Running) -> None:
    edge = running.plain(running.workloads.identity("edge"))
    stub: Any = health_pb2_grpc.HealthStub(edge)
    reply = await stub.Check(health_pb2.HealthCheckRequest())
    assert reply.status == health_pb2.HealthCheckResponse.SERVING


async def test_the_plain_port_tells_life_readiness_and_metrics(running: Running) -> None:
    async def broken() -> None:
        raise ConnectionError("secret address")

    base = f"http://{running.service.settings.http_listen}"
    async with httpx.AsyncClient(base_url=base) as http:
        assert (await http.get("/livez")).status_code == 200
        assert (await http.get("/readyz")).json() == {"ready": True, "problems": {}}
        assert "rpc_server_call_duration_seconds" in (await http.get("/metrics")).text
        assert (await http.get("/other")).status_code == 404
        running.service.check("peer", broken)
        answer = await http.get("/readyz")
        assert answer.status_code == 503
        assert answer.json()["problems"] == {"peer": "ConnectionError"}


async def test_a_taken_port_and_an_unknown_peer_are_told(running: Running) -> None:
    with pytest.raises(ValueError, match="names no address of user"):
        running.service.channel("user")
    with pytest.raises(TypeError, match="serves nothing"):
        running.service.serve(object())
    other = running.workloads.service("inventory")
    taken = other.settings.model_copy(update={"listen": running.service.settings.listen})
    with pytest.raises((OSError, RuntimeError)):
        await Service("inventory", taken).start()


async def test_a_running_call_finishes_while_the_service_stops(tmp_path: Path) -> None:
    found = Running(Workloads(tmp_path))
    found.service.serve(found.quotes)
    found.service.serve(Stock())
    beats = asyncio.Event()
    closed: list[bool] = []

    async def beat() -> None:
        beats.set()
        raise RuntimeError("a failure of background work is not fatal")

    async def closer() -> None:
        closed.append(True)

    found.service.every("beat", 0.01, beat)
    found.service.at_stop(closer)
    await found.service.start()
    stub = QuoteServiceStub(found.as_workload("order"))
    request = stock_pb2.BatchGetQuotesRequest(asset_ids=["SLOW"])
    slow = asyncio.ensure_future(_result(stub.BatchGetQuotes(request)))
    await eventually(found.quotes.is_called)
    await beats.wait()
    stopping = asyncio.create_task(found.service.stop())
    found.quotes.released.set()
    assert (await slow).quotes[0].asset_id == "BTC"
    await stopping
    assert closed == [True]
    await found.channels[0].close()


async def _result(call: Any) -> stock_pb2.BatchGetQuotesResponse:
    reply: stock_pb2.BatchGetQuotesResponse = await call
    return reply


async def test_a_port_where_nobody_listens_is_unavailable_in_time(running: Running) -> None:
    stub = StockServiceStub(running.as_workload("order", f"127.0.0.1:{free_port()}"))
    error = await refusal(stub.CommitStock(stock_pb2.CommitStockRequest(attempt_ids=["a"])))
    assert error.code() is grpc.StatusCode.UNAVAILABLE
