"""Whatever is wrong with a call: a clear error, nothing of the inside, nothing moved."""

from __future__ import annotations

import asyncio
import base64
import json
import sqlite3
import time
from decimal import Decimal
from typing import Any

import grpc
import httpx
import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from tradewind.user.v1.ledger_pb2 import CancelGroupsRequest
from tradewind.user.v1.ledger_pb2_grpc import LedgerServiceStub

from mesh.cli.home import Home
from mesh.identity.names import EDGE
from mesh.runtime.client import MeshChannel
from mesh.runtime.errors import reason_of
from services.auth.settings import read_secret
from services.auth.tokens import SealedKey, SigningKey
from tests.support.mesh import Customer, Mesh, new_customer, reason, violated


def signing_key(mesh: Mesh) -> SigningKey:
    """The mesh's own key, as whoever has its home can read it."""
    database = sqlite3.connect(mesh.home / "data" / "auth.db", timeout=10)
    kid, sealed = database.execute("SELECT kid, sealed FROM signing_keys").fetchone()
    database.close()
    return SigningKey.open(SealedKey(kid, sealed), read_secret(Home(mesh.home).secret))


def unsigned(claims: dict[str, Any]) -> str:
    head = {"alg": "none", "typ": "JWT"}
    parts = (base64.urlsafe_b64encode(json.dumps(each).encode()) for each in (head, claims))
    return ".".join(part.decode().rstrip("=") for part in parts) + "."


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("forged", "TOKEN_INVALID"),
        ("tampered", "TOKEN_INVALID"),
        ("none", "TOKEN_INVALID"),
        ("no token", "TOKEN_INVALID"),
        ("other audience", "TOKEN_INVALID"),
        ("expired", "TOKEN_EXPIRED"),
    ],
)
async def test_a_bad_token_is_refused(
    customer: Customer, mesh: Mesh, kind: str, expected: str
) -> None:
    claims = jwt.decode(customer.token, options={"verify_signature": False})
    key = signing_key(mesh)
    headers = {"kid": key.kid}
    match kind:
        case "forged":
            token = jwt.encode(claims, Ed25519PrivateKey.generate(), "EdDSA", headers)
        case "tampered":
            head, body, signature = customer.token.split(".")
            token = f"{head}.{body}.{signature[:-8]}{signature[-8:].swapcase()}"
        case "none":
            token = unsigned(claims)
        case "other audience":
            token = jwt.encode({**claims, "aud": "elsewhere"}, key.private, "EdDSA", headers)
        case "expired":
            past = {**claims, "iat": int(time.time()) - 1000, "exp": int(time.time()) - 100}
            token = jwt.encode(past, key.private, "EdDSA", headers)
        case _:
            token = "not-a-token"
    customer.token = token
    reply = await customer.call("GET", "/api/v1/balance")
    assert (reply.status_code, reason(reply)) == (401, expected), reply.text


async def test_a_call_without_a_token_is_refused(client: httpx.AsyncClient) -> None:
    reply = await client.get("/api/v1/balance")
    assert (reply.status_code, reason(reply)) == (401, "TOKEN_MISSING")


@pytest.mark.parametrize(
    ("verb", "path"),
    [("GET", "/api/v1/nothing"), ("DELETE", "/api/v1/balance"), ("GET", "/api/v1/auth/login")],
)
async def test_an_unknown_path_or_verb_is_not_found(
    customer: Customer, verb: str, path: str
) -> None:
    reply = await customer.call(verb, path)
    assert (reply.status_code, reason(reply)) == (404, "ROUTE_NOT_FOUND")


@pytest.mark.parametrize("body", ["{", "[]", '"text"', '{"amount": "1", }', "amount=1"])
async def test_malformed_json_is_refused(customer: Customer, body: str) -> None:
    reply = await customer.call("POST", "/api/v1/balance/deposit", content=body)
    assert (reply.status_code, reason(reply)) == (400, "MALFORMED_REQUEST"), reply.text


async def test_an_unknown_field_is_named(customer: Customer) -> None:
    reply = await customer.order("BUY", "0.01", colour="red")
    assert (reply.status_code, reason(reply)) == (400, "UNKNOWN_FIELD")
    assert "colour" in reply.text


async def test_an_unknown_query_parameter_is_named(customer: Customer) -> None:
    reply = await customer.call("GET", "/api/v1/orders", params={"colour": "red"})
    assert (reply.status_code, reason(reply)) == (400, "UNKNOWN_FIELD")
    assert "colour" in reply.text


async def test_every_bad_field_is_named(customer: Customer) -> None:
    reply = await customer.order("BUY", "-1", assetId="b t c", requestId="", maxPrice="1e3")
    assert (reply.status_code, reason(reply)) == (400, "FIELD_INVALID")
    assert violated(reply) == {"quantity", "assetId", "requestId", "maxPrice"}


@pytest.mark.parametrize(
    ("changed", "field"),
    [
        ({"side": "SIDE_UNSPECIFIED"}, "side"),
        ({"side": 7}, "side"),
        ({"type": 9}, "type"),
        ({"quantity": "0.000000001"}, "quantity"),
        ({"quantity": "0"}, "quantity"),
        ({"quantity": "1000000000000"}, "quantity"),
        ({"minPrice": "1"}, "minPrice"),
        ({"maxPrice": "1.000000000001"}, "maxPrice"),
    ],
)
async def test_an_order_that_makes_no_sense_is_refused(
    customer: Customer, changed: dict[str, Any], field: str
) -> None:
    reply = await customer.order("BUY", "0.01", **changed)
    assert (reply.status_code, reason(reply)) == (400, "FIELD_INVALID"), reply.text
    assert violated(reply) == {field}
    assert not (await customer.get("/api/v1/orders"))["orders"]


@pytest.mark.parametrize("amount", ["1e3", "NaN", "-1", "9" * 400, "0.001", "", "0", " 1", "+1"])
async def test_an_amount_that_is_no_plain_decimal_is_refused(
    customer: Customer, amount: str
) -> None:
    reply = await customer.deposit(amount)
    assert (reply.status_code, reason(reply)) == (400, "FIELD_INVALID"), reply.text
    assert violated(reply) == {"amount"}


@pytest.mark.parametrize("amount", [1, 0.5, True, [], {}])
async def test_an_amount_that_is_no_string_is_refused(customer: Customer, amount: object) -> None:
    body = {"amount": amount, "requestId": "r"}
    reply = await customer.call("POST", "/api/v1/balance/deposit", json=body)
    assert (reply.status_code, reason(reply)) == (400, "MALFORMED_REQUEST"), reply.text


@pytest.mark.parametrize(
    ("side", "quantity", "changed", "expected"),
    [
        ("BUY", "0.01", {}, "INSUFFICIENT_FUNDS"),
        ("SELL", "0.01", {}, "INSUFFICIENT_HOLDING"),
        ("BUY", "1", {}, "NOTIONAL_LIMIT"),
        ("BUY", "1", {"maxPrice": "1000000"}, "NOTIONAL_LIMIT"),
        ("SELL", "1", {"minPrice": "0.01"}, "NOTIONAL_LIMIT"),
        ("BUY", "0.01", {"maxPrice": "1"}, "PRICE_BOUND"),
        ("SELL", "0.01", {"minPrice": "1000000"}, "PRICE_BOUND"),
        ("BUY", "0.00000001", {}, "AMOUNT_TOO_SMALL"),
        ("BUY", "10000000000", {}, "OUT_OF_STOCK"),
    ],
)
async def test_an_order_that_cannot_be_filled_is_refused_and_kept(
    customer: Customer, side: str, quantity: str, changed: dict[str, Any], expected: str
) -> None:
    await customer.deposit("5")
    reply = await customer.order(side, quantity, **changed)
    assert (reply.status_code, reason(reply)) == (400, expected), reply.text
    details = reply.json()["details"]
    order_id = next(each["metadata"]["orderId"] for each in details if "metadata" in each)
    order = await customer.get(f"/api/v1/orders/{order_id}")
    assert (order["state"], order["rejectReason"]) == ("REJECTED", expected)
    assert "averagePrice" not in order
    assert (await customer.get("/api/v1/balance"))["available"] == "5.00"


async def test_an_unknown_asset_is_not_found(customer: Customer) -> None:
    reply = await customer.order("BUY", "1", assetId="NOSUCH")
    assert (reply.status_code, reason(reply)) == (404, "ASSET_NOT_FOUND")


async def test_somebody_elses_order_is_not_found(
    customer: Customer, client: httpx.AsyncClient
) -> None:
    await customer.deposit("9000")
    order = (await customer.order("BUY", "0.001")).json()
    other = await new_customer(client)
    reply = await other.call("GET", f"/api/v1/orders/{order['orderId']}")
    assert (reply.status_code, reason(reply)) == (404, "ORDER_NOT_FOUND")
    assert not (await other.get("/api/v1/orders"))["orders"]


async def test_headers_of_the_mesh_from_outside_change_nothing(
    customer: Customer, client: httpx.AsyncClient
) -> None:
    await customer.deposit("5")
    other = await new_customer(client)
    forged = {"x-tradewind-subject": customer.user_id, "x-tradewind-roles": "WyJPUEVSQVRPUiJd"}
    assert Decimal((await other.get("/api/v1/balance", headers=forged))["available"]) == 0
    reply = await client.get("/api/v1/balance", headers=forged)
    assert (reply.status_code, reason(reply)) == (401, "TOKEN_MISSING")


async def test_internal_methods_are_refused_from_outside(customer: Customer, mesh: Mesh) -> None:
    async with grpc.aio.insecure_channel(f"127.0.0.1:{mesh.base}") as channel:
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await LedgerServiceStub(channel).CancelGroups(
                CancelGroupsRequest(group_ids=["x"]),
                metadata=(("authorization", f"Bearer {customer.token}"),),
                timeout=5,
            )
    assert refused.value.code() is grpc.StatusCode.UNIMPLEMENTED
    reply = await customer.call("POST", "/tradewind.user.v1.LedgerService/CancelGroups", json={})
    assert (reply.status_code, reason(reply)) == (404, "ROUTE_NOT_FOUND")


async def test_a_service_port_refuses_who_has_no_certificate(mesh: Mesh) -> None:
    authority = Home(mesh.home).identity(EDGE).ca.read_bytes()
    credentials = grpc.ssl_channel_credentials(authority)
    options = (("grpc.ssl_target_name_override", "user"),)
    address = (await asyncio.to_thread(mesh.process, "user"))["address"]
    async with grpc.aio.secure_channel(address, credentials, options=options) as channel:
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await LedgerServiceStub(channel).CancelGroups(
                CancelGroupsRequest(group_ids=["x"]), timeout=5
            )
    assert refused.value.code() is grpc.StatusCode.UNAVAILABLE


async def test_an_internal_method_refuses_another_services_certificate(mesh: Mesh) -> None:
    identity = Home(mesh.home).identity(EDGE)
    address = (await asyncio.to_thread(mesh.process, "user"))["address"]
    async with MeshChannel("user", [address], identity) as channel:
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await LedgerServiceStub(channel).CancelGroups(CancelGroupsRequest(group_ids=["x"]))
    assert refused.value.code() is grpc.StatusCode.PERMISSION_DENIED
    assert reason_of(refused.value) is not None


async def test_a_cent_changed_by_hand_is_noticed(customer: Customer, mesh: Mesh) -> None:
    await customer.deposit("12.34")
    database = sqlite3.connect(mesh.home / "data" / "user.db", timeout=10)

    def change(cents: int) -> None:
        statement = "UPDATE accounts SET posted = posted + ? WHERE owner = ? AND asset_id = 'USD'"
        database.execute(statement, (cents, customer.user_id))
        database.commit()

    change(1)
    try:
        audit = await asyncio.to_thread(mesh.command, "audit")
        as_json = await asyncio.to_thread(mesh.command, "audit", "--json")
    finally:
        change(-1)
        database.close()
    assert audit.returncode == as_json.returncode == 1, audit.stdout + audit.stderr
    assert customer.user_id in audit.stdout
    assert customer.user_id in as_json.stdout
    await asyncio.to_thread(mesh.audit)
