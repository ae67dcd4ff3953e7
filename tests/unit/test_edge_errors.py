"""Every error that a customer can meet at the edge, from a real Envoy: one form for all."""

from __future__ import annotations

import asyncio
import json
import shutil
import time
from base64 import urlsafe_b64encode
from collections.abc import AsyncIterator, Mapping
from typing import Any

import grpc
import httpx
import jwt
import pytest
import pytest_asyncio
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from google.protobuf.message import Message
from google.rpc import error_details_pb2, status_pb2
from grpc import aio
from tradewind.order.v1 import order_pb2

from mesh.contract.methods import Access, method_table
from tests.support.eventually import eventually
from tests.unit.test_edge_harness import (
    Context,
    Edge,
    Tokens,
    edge_config,
    running_edge,
    running_envoy,
)

pytestmark = pytest.mark.asyncio(loop_scope="module")

ORDERS = "/api/v1/orders"
JWKS = "/.well-known/jwks.json"
SERVICE = "/tradewind.order.v1.OrderService"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def edge(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Edge]:
    async with running_edge(tmp_path_factory.mktemp("edge")) as running:
        yield running
    noise = [line for line in running.log.read_text().splitlines() if "SIGTERM" not in line]
    assert noise == []
    assert running.tokens.sign() not in running.access_log.read_text()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def rest(edge: Edge) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(base_url=edge.url) as client:
        yield client


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def channel(edge: Edge) -> AsyncIterator[aio.Channel]:
    async with aio.insecure_channel(edge.target) as opened:
        yield opened


@pytest.fixture(autouse=True)
def plain_answers(edge: Edge) -> None:
    edge.workload.answers.clear()


def check(
    response: httpx.Response, status: int, code: int, reason: str, *, traced: bool = True
) -> dict[str, Any]:
    """Asserts the one form of errors; answers the details by their type."""
    assert (response.status_code, response.headers["content-type"]) == (status, "application/json")
    body = response.json()
    assert set(body) == {"code", "message", "details"}
    assert body["code"] == code
    details = {detail["@type"]: detail for detail in body["details"]}
    assert all(name.startswith("type.googleapis.com/google.rpc.") for name in details)
    named = {name.rpartition(".")[2]: detail for name, detail in details.items()}
    assert (named["ErrorInfo"]["reason"], named["ErrorInfo"]["domain"]) == (reason, "tradewind")
    if traced:
        assert len(response.headers["x-trace-id"]) == 32
        assert named["RequestInfo"]["requestId"] == response.headers["x-trace-id"]
        assert response.headers["x-request-id"] == response.headers["x-trace-id"]
    assert response.headers["server"] == "tradewind"
    said = response.text.lower() + str(response.headers).lower()
    assert not [word for word in ("envoy", "upstream", "jwt", "rbac", "lua") if word in said]
    return named


def bad_tokens(tokens: Tokens) -> Mapping[str, tuple[str, str]]:
    """Authorization headers that are refused, each with its reason."""
    now = int(time.time())
    good = tokens.sign()
    head, payload, signature = good.split(".")
    unsigned = urlsafe_b64encode(b'{"alg":"none","typ":"JWT","kid":"k1"}').decode().rstrip("=")
    claims = {"iss": "tradewind", "aud": "tradewind", "sub": "x", "roles": ["CUSTOMER"]}
    symmetric = jwt.encode(
        {**claims, "exp": now + 99}, "k" * 64, algorithm="HS256", headers={"kid": "k1"}
    )
    stranger = tokens.sign(key=Ed25519PrivateKey.generate())
    later = urlsafe_b64encode(json.dumps({**claims, "exp": now + 9999}).encode()).decode()
    return {
        "not bearer": ("Basic dXNlcjpwYXNz", "TOKEN_MISSING"),
        "garbage": ("Bearer nonsense", "TOKEN_INVALID"),
        "three parts of garbage": ("Bearer a.b.c", "TOKEN_INVALID"),
        "forged payload": (f"Bearer {head}.{later.rstrip('=')}.{signature}", "TOKEN_INVALID"),
        "another's key": (f"Bearer {stranger}", "TOKEN_INVALID"),
        "alg none": (f"Bearer {unsigned}.{payload}.", "TOKEN_INVALID"),
        "alg none, signed": (f"Bearer {unsigned}.{payload}.{signature}", "TOKEN_INVALID"),
        "alg HS256": (f"Bearer {symmetric}", "TOKEN_INVALID"),
        "unknown kid": (f"Bearer {tokens.sign(kid='k2')}", "TOKEN_INVALID"),
        "wrong issuer": (f"Bearer {tokens.sign(iss='other')}", "TOKEN_INVALID"),
        "wrong audience": (f"Bearer {tokens.sign(aud='other')}", "TOKEN_INVALID"),
        "without expiry": (f"Bearer {tokens.sign(exp=None)}", "TOKEN_INVALID"),
        "not yet valid": (f"Bearer {tokens.sign(nbf=now + 99)}", "TOKEN_INVALID"),
        "expired": (f"Bearer {tokens.sign(exp=now - 6)}", "TOKEN_EXPIRED"),
    }


async def test_a_call_without_a_token_is_told_so(rest: httpx.AsyncClient) -> None:
    check(await rest.get(ORDERS), 401, 16, "TOKEN_MISSING")
    # A token is read from the header only.
    response = await rest.get(ORDERS, headers={"cookie": "access_token=x"})
    check(response, 401, 16, "TOKEN_MISSING")


@pytest.mark.parametrize("kind", bad_tokens(Tokens()))
async def test_a_bad_token_is_refused(edge: Edge, rest: httpx.AsyncClient, kind: str) -> None:
    authorization, reason = bad_tokens(edge.tokens)[kind]
    check(await rest.get(ORDERS, headers={"authorization": authorization}), 401, 16, reason)


@pytest.mark.parametrize("roles", [["OTHER"], [], None, "CUSTOMER", ["customer"]])
async def test_a_wrong_role_is_refused(edge: Edge, rest: httpx.AsyncClient, roles: object) -> None:
    response = await rest.get(ORDERS, headers=edge.tokens.header(roles=roles))
    check(response, 403, 7, "ROLE_REQUIRED")


@pytest.mark.parametrize("roles", [["CUSTOMER"], ["OPERATOR"], ["OTHER", "CUSTOMER"]])
async def test_customer_and_operator_pass(
    edge: Edge, rest: httpx.AsyncClient, roles: object
) -> None:
    assert (await rest.get(ORDERS, headers=edge.tokens.header(roles=roles))).status_code == 200


@pytest.mark.parametrize(
    ("verb", "path"),
    [
        ("GET", "/"),
        ("GET", "/api/v1/nothing"),
        ("GET", f"{ORDERS}/a/b"),
        ("DELETE", ORDERS),
        ("PUT", ORDERS),
        ("POST", f"{ORDERS}/a"),
        ("GET", "/api/v1/auth/login"),
        ("POST", f"{SERVICE}/CreateOrder"),
        ("POST", "/grpc.health.v1.Health/Check"),
    ],
)
async def test_an_unknown_path_or_verb_is_not_found(
    edge: Edge, rest: httpx.AsyncClient, verb: str, path: str
) -> None:
    for headers in ({}, edge.tokens.header()):
        check(await rest.request(verb, path, headers=headers), 404, 5, "ROUTE_NOT_FOUND")


@pytest.mark.parametrize(
    ("body", "reason", "field"),
    [
        ('{"quantity": "1"', "MALFORMED_REQUEST", None),
        ("quantity=1", "MALFORMED_REQUEST", None),
        ("[]", "MALFORMED_REQUEST", None),
        ('{"quantity": 1}', "MALFORMED_REQUEST", "quantity"),
        ('{"side": "SIDEWAYS"}', "MALFORMED_REQUEST", "side"),
        ('{"quantity": "1", "quantity": "2"}', "MALFORMED_REQUEST", "quantity"),
        ('{"quantity": "1", "leverage": "9"}', "UNKNOWN_FIELD", "leverage"),
        ('{"quantity": "\\ud800"}', "MALFORMED_REQUEST", None),
    ],
)
async def test_a_body_that_cannot_be_read_is_refused(
    edge: Edge, rest: httpx.AsyncClient, body: str, reason: str, field: str | None
) -> None:
    before = len(edge.workload.calls)
    response = await rest.post(ORDERS, content=body, headers=edge.tokens.header())
    named = check(response, 400, 3, reason)
    violations = named.get("BadRequest", {}).get("fieldViolations", [])
    assert [violation["field"] for violation in violations] == ([field] if field else [])
    assert len(edge.workload.calls) == before


async def test_text_that_is_not_utf8_is_refused(edge: Edge, rest: httpx.AsyncClient) -> None:
    body = b'{"quantity": "\xff"}'
    response = await rest.post(ORDERS, content=body, headers=edge.tokens.header())
    check(response, 400, 3, "MALFORMED_REQUEST")


@pytest.mark.parametrize(
    ("query", "reason"),
    [
        ("limit=5", "UNKNOWN_FIELD"),
        ("pageSize=many", "MALFORMED_REQUEST"),
        ("pageSize=99999999999", "MALFORMED_REQUEST"),
        ("startTime=yesterday", "MALFORMED_REQUEST"),
        ("startTime=2026-13-01T00:00:00Z", "MALFORMED_REQUEST"),
    ],
)
async def test_a_query_that_cannot_be_read_is_refused(
    edge: Edge, rest: httpx.AsyncClient, query: str, reason: str
) -> None:
    check(await rest.get(f"{ORDERS}?{query}", headers=edge.tokens.header()), 400, 3, reason)


async def test_a_post_takes_no_query(edge: Edge, rest: httpx.AsyncClient) -> None:
    response = await rest.post(f"{ORDERS}?quantity=1", json={}, headers=edge.tokens.header())
    assert check(response, 400, 3, "UNKNOWN_FIELD")["BadRequest"]["fieldViolations"] == [
        {"field": "quantity", "description": "is not known to this method"}
    ]


@pytest.mark.parametrize("length", [66_000, 3_000_000])
async def test_a_body_too_large_is_refused(
    edge: Edge, rest: httpx.AsyncClient, length: int
) -> None:
    body = json.dumps({"quantity": "1" * length})
    response = await rest.post(ORDERS, content=body, headers=edge.tokens.header())
    check(response, 413, 3, "REQUEST_TOO_LARGE")


async def test_headers_too_large_are_refused(rest: httpx.AsyncClient) -> None:
    response = await rest.get(ORDERS, headers={"x-large": "x" * 40_000})
    check(response, 431, 3, "REQUEST_TOO_LARGE", traced=False)


async def test_another_protocol_is_not_offered(rest: httpx.AsyncClient) -> None:
    asking = {"upgrade": "websocket", "connection": "upgrade"}
    check(await rest.get(ORDERS, headers=asking), 404, 5, "ROUTE_NOT_FOUND", traced=False)


@pytest.mark.parametrize("path", [f"{ORDERS}/a%2fb", f"{ORDERS}/a%5cb"])
async def test_a_slash_in_an_id_is_refused(rest: httpx.AsyncClient, path: str) -> None:
    check(await rest.get(path), 400, 3, "MALFORMED_REQUEST", traced=False)


async def test_a_service_that_is_down_is_told_at_once(rest: httpx.AsyncClient) -> None:
    started = time.monotonic()
    check(await rest.get(JWKS), 503, 14, "SERVICE_UNAVAILABLE")
    assert time.monotonic() - started < 1


async def test_a_service_with_anothers_certificate_is_not_spoken_to(
    edge: Edge, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("impostor")
    shutil.copytree(edge.config.identity.folder.parent / "ca", folder / "ca")
    before = len(edge.workload.calls)
    config = edge_config(folder, edge.tokens, {"user": edge.config.upstreams["order"]})
    async with (
        running_envoy(config, folder),
        httpx.AsyncClient(base_url=f"http://{config.listen.host}:{config.listen.port}") as client,
    ):
        response = await client.get("/api/v1/profile", headers=edge.tokens.header())
        check(response, 503, 14, "SERVICE_UNAVAILABLE")
    assert len(edge.workload.calls) == before


async def _never(_request: Message, _context: Context) -> Message:
    await asyncio.Event().wait()
    raise AssertionError


async def test_no_answer_in_time_is_told_as_such(edge: Edge, rest: httpx.AsyncClient) -> None:
    edge.workload.answers[f"{SERVICE}/GetOrder"] = _never
    started = time.monotonic()
    response = await rest.get(
        f"{ORDERS}/a", headers={**edge.tokens.header(), "grpc-timeout": "300m"}
    )
    assert 0.25 < time.monotonic() - started < 1
    # The service's library may end the call on the same tick, with its own words.
    assert (response.status_code, response.json()["code"]) == (504, 4)
    assert "envoy" not in response.text


async def test_a_frozen_service_is_given_up_at_the_deadline(
    edge: Edge, rest: httpx.AsyncClient
) -> None:
    class Silent(asyncio.Protocol):
        """Accepts and says nothing, like a stopped process."""

    address = edge.config.upstreams["auth"][0]
    loop = asyncio.get_running_loop()
    server = await loop.create_server(Silent, address.host, address.port)
    try:
        started = time.monotonic()
        check(await rest.get(JWKS), 504, 4, "DEADLINE_EXCEEDED")
        assert 1.9 < time.monotonic() - started < 3
    finally:
        server.close()
        await server.wait_closed()


async def test_a_service_that_dies_and_returns_is_found_at_once(
    edge: Edge, rest: httpx.AsyncClient
) -> None:
    headers = edge.tokens.header()
    assert (await rest.get(ORDERS, headers=headers)).status_code == 200
    await edge.workload.stop()
    check(await rest.get(ORDERS, headers=headers), 503, 14, "SERVICE_UNAVAILABLE")
    await edge.workload.start()

    async def is_back() -> bool:
        return (await rest.get(ORDERS, headers=headers)).status_code == 200

    await eventually(is_back, within_s=1)


def _refuse(code: grpc.StatusCode) -> Any:
    async def answer(_request: Message, context: Context) -> Message:
        await context.abort(code, "no")

    return answer


@pytest.mark.parametrize(
    "code",
    [grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.INTERNAL, grpc.StatusCode.DEADLINE_EXCEEDED],
)
async def test_what_a_service_has_answered_is_not_asked_again(
    edge: Edge, rest: httpx.AsyncClient, code: grpc.StatusCode
) -> None:
    edge.workload.answers[f"{SERVICE}/ListOrders"] = _refuse(code)
    before = len(edge.workload.calls)
    await rest.get(ORDERS, headers=edge.tokens.header())
    assert len(edge.workload.calls) - before == 1


async def test_the_details_of_a_service_are_shown(edge: Edge, rest: httpx.AsyncClient) -> None:
    async def refuse(_request: Message, context: Context) -> Message:
        status = status_pb2.Status(code=9, message="Not enough.")
        info = error_details_pb2.ErrorInfo(
            reason="INSUFFICIENT_FUNDS", domain="tradewind", metadata={"orderId": "o1"}
        )
        status.details.add().Pack(info)
        trailer = (("grpc-status-details-bin", status.SerializeToString()),)
        await context.abort(grpc.StatusCode.FAILED_PRECONDITION, "Not enough.", trailer)
        raise AssertionError

    edge.workload.answers[f"{SERVICE}/CreateOrder"] = refuse
    response = await rest.post(ORDERS, json={"quantity": "1"}, headers=edge.tokens.header())
    assert response.status_code == 400
    body = response.json()
    assert (body["code"], body["message"]) == (9, "Not enough.")
    assert body["details"][0]["metadata"] == {"orderId": "o1"}
    assert body["details"][0]["reason"] == "INSUFFICIENT_FUNDS"


async def _grpc_error(
    channel: aio.Channel, path: str, headers: Mapping[str, str]
) -> tuple[grpc.StatusCode, str, str]:
    """Code, message and reason of a native call that fails."""
    call: aio.UnaryUnaryMultiCallable[bytes, bytes] = channel.unary_unary(path)
    with pytest.raises(aio.AioRpcError) as caught:
        await call(b"", metadata=tuple(headers.items()), timeout=5)
    trailers = dict(caught.value.trailing_metadata() or ())
    details = trailers["grpc-status-details-bin"]
    assert isinstance(details, bytes)
    status = status_pb2.Status.FromString(details)
    info = error_details_pb2.ErrorInfo()
    assert status.details[0].Unpack(info)
    assert (status.code, status.message) == (caught.value.code().value[0], caught.value.details())
    assert len(trailers["x-trace-id"]) == 32
    return caught.value.code(), status.message, info.reason


async def test_native_grpc_gets_codes_and_plain_messages(edge: Edge, channel: aio.Channel) -> None:
    good = edge.tokens.header()
    code = grpc.StatusCode
    expired = edge.tokens.header(exp=5)
    cases = [
        (f"{SERVICE}/ListOrders", {}, code.UNAUTHENTICATED, "TOKEN_MISSING"),
        (f"{SERVICE}/ListOrders", expired, code.UNAUTHENTICATED, "TOKEN_EXPIRED"),
        (
            f"{SERVICE}/ListOrders",
            edge.tokens.header(aud="x"),
            code.UNAUTHENTICATED,
            "TOKEN_INVALID",
        ),
        (
            f"{SERVICE}/ListOrders",
            edge.tokens.header(roles=[]),
            code.PERMISSION_DENIED,
            "ROLE_REQUIRED",
        ),
        (f"{SERVICE}/Nothing", good, code.UNIMPLEMENTED, "ROUTE_NOT_FOUND"),
        ("/grpc.health.v1.Health/Check", good, code.UNIMPLEMENTED, "ROUTE_NOT_FOUND"),
        (
            "/tradewind.auth.v1.AuthService/GetJwks",
            {},
            code.UNAVAILABLE,
            "SERVICE_UNAVAILABLE",
        ),
    ]
    for path, headers, expected, reason in cases:
        found, message, said = await _grpc_error(channel, path, headers)
        assert (found, said) == (expected, reason), path
        assert not message.startswith("{")


async def test_internal_methods_are_refused_from_outside(
    edge: Edge, rest: httpx.AsyncClient, channel: aio.Channel
) -> None:
    before = len(edge.workload.calls)
    operator = edge.tokens.header(roles=["OPERATOR"])
    internal = [method for method in method_table().values() if method.access is Access.INTERNAL]
    assert internal
    for method in internal:
        found, _, _ = await _grpc_error(channel, method.path, operator)
        assert found is grpc.StatusCode.UNIMPLEMENTED
        check(await rest.post(method.path, json={}, headers=operator), 404, 5, "ROUTE_NOT_FOUND")
    assert len(edge.workload.calls) == before


async def test_native_grpc_is_served(edge: Edge, channel: aio.Channel) -> None:
    call: aio.UnaryUnaryMultiCallable[Any, Any] = channel.unary_unary(
        f"{SERVICE}/CreateOrder",
        request_serializer=order_pb2.CreateOrderRequest.SerializeToString,
        response_deserializer=order_pb2.Order.FromString,
    )

    async def fill(request: Any, _context: Context) -> Message:
        return order_pb2.Order(order_id="o1", quantity=request.quantity)

    edge.workload.answers[f"{SERVICE}/CreateOrder"] = fill
    metadata = tuple(edge.tokens.header().items())
    order = await call(order_pb2.CreateOrderRequest(quantity="0.01"), metadata=metadata, timeout=5)
    assert (order.order_id, order.quantity) == ("o1", "0.01")
