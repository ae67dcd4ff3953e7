"""What the edge makes of a good call: headers, traces, reflection, JSON."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import httpx
import pytest
import pytest_asyncio
from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp
from grpc import aio
from grpc_reflection.v1alpha import reflection_pb2
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2, trace_service_pb2_grpc
from opentelemetry.proto.trace.v1.trace_pb2 import Span
from tradewind.inventory.v1 import asset_pb2
from tradewind.order.v1 import order_pb2

from mesh.contract.methods import public_services
from mesh.edge.config import Address
from tests.support.eventually import eventually
from tests.unit.test_edge_harness import (
    LOOPBACK,
    REFLECTION,
    Context,
    Edge,
    edge_config,
    running_edge,
    running_envoy,
)

pytestmark = pytest.mark.asyncio(loop_scope="module")

ORDERS = "/api/v1/orders"
SERVICE = "tradewind.order.v1.OrderService"
TRACE, PARENT = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
TRACEPARENT = re.compile(r"00-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})")


class Collector(trace_service_pb2_grpc.TraceServiceServicer):
    """Keeps the spans that Envoy exports, by trace id, with the service that they name."""

    def __init__(self) -> None:
        self.spans: dict[str, tuple[str, Span]] = {}

    async def Export(self, request: Any, context: Any) -> Any:
        for resource in request.resource_spans:
            names = {item.key: item.value.string_value for item in resource.resource.attributes}
            for scope in resource.scope_spans:
                for span in scope.spans:
                    self.spans[span.trace_id.hex()] = (names["service.name"], span)
        return trace_service_pb2.ExportTraceServiceResponse()


COLLECTOR = Collector()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def edge(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Edge]:
    server = aio.server()
    add_servicer: Any = trace_service_pb2_grpc.add_TraceServiceServicer_to_server
    add_servicer(COLLECTOR, server)
    port = server.add_insecure_port(f"{LOOPBACK}:0")
    await server.start()
    try:
        folder = tmp_path_factory.mktemp("edge")
        async with running_edge(folder, Address(LOOPBACK, port)) as running:
            yield running
    finally:
        await server.stop(0)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def rest(edge: Edge) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(base_url=edge.url) as client:
        yield client


def received(edge: Edge) -> dict[str, str | bytes]:
    """The metadata of the last call that the workload received."""
    return edge.workload.calls[-1][2]


async def test_the_caller_is_told_to_the_service_and_the_token_is_not(
    edge: Edge, rest: httpx.AsyncClient
) -> None:
    headers = edge.tokens.header(sub="user-7", roles=["CUSTOMER", "OPERATOR"])
    assert (await rest.get(ORDERS, headers={**headers, "cookie": "a=b"})).status_code == 200
    metadata = received(edge)
    assert metadata["x-tradewind-subject"] == "user-7"
    roles = metadata["x-tradewind-roles"]
    assert isinstance(roles, str)
    assert json.loads(base64.urlsafe_b64decode(roles + "==")) == ["CUSTOMER", "OPERATOR"]
    assert "authorization" not in metadata
    assert "cookie" not in metadata


async def test_headers_of_ours_sent_from_outside_change_nothing(
    edge: Edge, rest: httpx.AsyncClient
) -> None:
    forged = {
        "x-tradewind-subject": "somebody",
        "x-tradewind-roles": "WyJPUEVSQVRPUiJd",
        "X-Tradewind-Anything": "1",
        "x_tradewind_subject": "somebody",
        "x-envoy-original-path": "/nothing",
        "x-envoy-upstream-rq-timeout-ms": "1",
        "x-envoy-retry-on": "5xx",
        "x-request-id": "mine",
    }
    response = await rest.get(ORDERS, headers={**edge.tokens.header(), **forged})
    assert response.status_code == 200
    metadata = received(edge)
    assert metadata["x-tradewind-subject"] == "user-1"
    assert metadata["x-tradewind-roles"] != forged["x-tradewind-roles"]
    assert not {"x-tradewind-anything", "x_tradewind_subject", "x-envoy-retry-on"} & set(metadata)
    assert metadata["x-request-id"] != "mine"


async def test_a_public_method_needs_no_token_and_names_nobody(
    edge: Edge, rest: httpx.AsyncClient
) -> None:
    for headers in ({}, edge.tokens.header(), {"authorization": "Bearer nonsense"}):
        assert (await rest.get("/api/v1/assets/BTC", headers=headers)).status_code == 200
        path, request, metadata = edge.workload.calls[-1]
        assert path == "/tradewind.inventory.v1.AssetService/GetAsset"
        assert request == asset_pb2.GetAssetRequest(asset_id="BTC")
        assert not [name for name in metadata if name.startswith("x-tradewind")]
        assert "authorization" not in metadata


@pytest.mark.parametrize("service", REFLECTION)
async def test_reflection_lists_the_public_services(edge: Edge, service: str) -> None:
    async with aio.insecure_channel(edge.target) as channel:
        method: aio.StreamStreamMultiCallable[Any, Any] = channel.stream_stream(
            f"/{service}/ServerReflectionInfo",
            request_serializer=reflection_pb2.ServerReflectionRequest.SerializeToString,
            response_deserializer=reflection_pb2.ServerReflectionResponse.FromString,
        )
        call = method(timeout=5)
        await call.write(reflection_pb2.ServerReflectionRequest(list_services=""))
        answer: Any = await call.read()
        names = {item.name for item in answer.list_services_response.service}
        assert names == set(public_services())
        await call.done_writing()


async def test_json_is_canonical(edge: Edge, rest: httpx.AsyncClient) -> None:
    async def fill(_request: Any, _context: Context) -> Message:
        return order_pb2.Order(
            order_id="o1", side=order_pb2.Order.BUY, create_time=Timestamp(seconds=1767225600)
        )

    edge.workload.answers[f"/{SERVICE}/CreateOrder"] = fill
    response = await rest.post(
        ORDERS, content='{"request_id": "r", "assetId": "BTC"}', headers=edge.tokens.header()
    )
    assert response.json() == {
        "orderId": "o1",
        "requestId": "",
        "assetId": "",
        "side": "BUY",
        "type": "TYPE_UNSPECIFIED",
        "state": "STATE_UNSPECIFIED",
        "quantity": "",
        "filledQuantity": "",
        "createTime": "2026-01-01T00:00:00Z",
        "history": [],
    }
    request = edge.workload.calls[-1][1]
    assert request == order_pb2.CreateOrderRequest(request_id="r", asset_id="BTC")


@pytest.mark.parametrize("content_type", ["application/json", "text/plain", None])
async def test_a_body_is_json_whatever_it_is_called(
    edge: Edge, rest: httpx.AsyncClient, content_type: str | None
) -> None:
    named = {} if content_type is None else {"content-type": content_type}
    response = await rest.post(
        ORDERS, content='{"assetId": "ETH"}', headers={**edge.tokens.header(), **named}
    )
    assert response.status_code == 200
    assert edge.workload.calls[-1][1] == order_pb2.CreateOrderRequest(asset_id="ETH")


@pytest.mark.parametrize("body", ["", "  \n", "{}"])
async def test_an_empty_body_reaches_the_service_as_an_empty_request(
    edge: Edge, rest: httpx.AsyncClient, body: str
) -> None:
    response = await rest.post(ORDERS, content=body, headers=edge.tokens.header())
    assert response.status_code == 200
    assert edge.workload.calls[-1][1] == order_pb2.CreateOrderRequest()


@pytest.mark.parametrize(
    "query",
    [
        "startTime=2026-01-01T00:00:00Z&pageSize=5",
        "start_time=2026-01-01T02:00:00%2B02:00&page_size=5",
        "startTime=2026-01-01T02:00:00+02:00&pageSize=5",
    ],
)
async def test_times_are_taken_from_the_query(
    edge: Edge, rest: httpx.AsyncClient, query: str
) -> None:
    response = await rest.get(f"{ORDERS}?{query}", headers=edge.tokens.header())
    assert response.status_code == 200
    expected = order_pb2.ListOrdersRequest(page_size=5, start_time=Timestamp(seconds=1767225600))
    assert edge.workload.calls[-1][1] == expected


async def test_a_long_answer_arrives_whole(edge: Edge, rest: httpx.AsyncClient) -> None:
    async def many(_request: Any, _context: Context) -> Message:
        orders = [order_pb2.Order(order_id=f"{n}", quantity="1" * 2_000) for n in range(1_000)]
        return order_pb2.ListOrdersResponse(orders=orders)

    edge.workload.answers[f"/{SERVICE}/ListOrders"] = many
    try:
        response = await rest.get(ORDERS, headers=edge.tokens.header())
    finally:
        del edge.workload.answers[f"/{SERVICE}/ListOrders"]
    assert response.status_code == 200
    assert len(response.json()["orders"]) == 1_000


async def _trace(edge: Edge, rest: httpx.AsyncClient, traceparent: str | None) -> re.Match[str]:
    """Calls, checks that one trace id is told everywhere, answers what the service got."""
    told = {} if traceparent is None else {"traceparent": traceparent}
    response = await rest.get(ORDERS, headers={**edge.tokens.header(), **told})
    passed_on = received(edge)["traceparent"]
    assert isinstance(passed_on, str)
    match = TRACEPARENT.fullmatch(passed_on)
    assert match is not None
    assert response.headers["x-trace-id"] == response.headers["x-request-id"] == match[1]
    return match


@pytest.mark.parametrize("flags", ["00", "01"])
async def test_an_outside_trace_is_joined(edge: Edge, rest: httpx.AsyncClient, flags: str) -> None:
    match = await _trace(edge, rest, f"00-{TRACE}-{PARENT}-{flags}")
    assert match[1] == TRACE
    assert match[2] != PARENT
    assert match[3] == flags


@pytest.mark.parametrize(
    "traceparent",
    [
        None,
        "",
        "garbage",
        f"00-{'0' * 32}-{PARENT}-01",
        f"00-{TRACE}-{'0' * 16}-01",
        f"00-{TRACE}0-{PARENT[1:]}-01",
        f"00-{TRACE.upper()}-{PARENT}-01",
        f"ff-{TRACE}-{PARENT}-01",
        f"00-{TRACE}-{PARENT}-01-more",
    ],
)
async def test_without_a_readable_parent_a_trace_is_begun(
    edge: Edge, rest: httpx.AsyncClient, traceparent: str | None
) -> None:
    match = await _trace(edge, rest, traceparent)
    assert match[1] not in {TRACE, "0" * 32}
    assert match[3] == "01"


async def test_spans_are_exported_under_the_methods_name(
    edge: Edge, rest: httpx.AsyncClient
) -> None:
    match = await _trace(edge, rest, None)

    async def exported() -> tuple[str, Span] | None:
        return COLLECTOR.spans.get(match[1])

    service, span = await eventually(exported)
    assert service == "edge"
    assert span.name == f"{SERVICE}/ListOrders"
    assert span.kind == Span.SPAN_KIND_SERVER
    assert span.span_id.hex() == match[2]


async def test_answers_tell_nothing_of_the_inside(edge: Edge, rest: httpx.AsyncClient) -> None:
    response = await rest.get(ORDERS, headers=edge.tokens.header())
    assert response.headers["server"] == "tradewind"
    assert not [name for name in response.headers if name.startswith(("x-envoy", "x-tradewind"))]


@pytest.mark.parametrize("path", ["/livez", "/readyz"])
async def test_the_edge_tells_that_it_lives(rest: httpx.AsyncClient, path: str) -> None:
    assert (await rest.get(path)).status_code == 200


async def test_the_supervisors_probe_is_not_logged_and_everybody_else_is(
    edge: Edge, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("probed")
    upstreams = {"order": edge.config.upstreams["order"]}
    config = replace(edge_config(folder, edge.tokens, upstreams), probe="probe/secret")
    async with running_envoy(config, folder), httpx.AsyncClient() as client:
        url = f"http://{config.listen.host}:{config.listen.port}/api/v1"
        for number, agent in enumerate(("probe/secret", "probe/guessed", "")):
            await client.get(f"{url}/by-{number}", headers={"user-agent": agent})
    log = [json.loads(line) for line in (folder / "access.log").read_text().splitlines()]
    assert [line["path"] for line in log] == ["/api/v1/by-1", "/api/v1/by-2"]


async def test_two_edges_run_side_by_side_without_a_collector(
    edge: Edge, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("second")
    config = edge_config(folder, edge.tokens, {"order": edge.config.upstreams["order"]})
    async with running_envoy(config, folder) as process:
        assert process.pid != edge.pid
        async with httpx.AsyncClient() as client:
            url = f"http://{config.listen.host}:{config.listen.port}/api/v1/nothing"
            assert len((await client.get(url)).headers["x-trace-id"]) == 32
    log = [json.loads(line) for line in (folder / "access.log").read_text().splitlines()]
    assert log[-1]["path"] == "/api/v1/nothing"
    assert len(log[-1]["trace_id"]) == 32
