"""Limit orders through the real edge: held, filled, cancelled, expired, listed."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import httpx
import pytest

from tests.support.eventually import eventually
from tests.support.mesh import Customer, Mesh, reason, violated

FAR = "2099-01-01T00:00:00Z"


async def price(client: httpx.AsyncClient) -> Decimal:
    return Decimal((await client.get("/api/v1/assets/BTC")).json()["price"])


async def limit(
    customer: Customer, way: str, units: str, factor: str, **changed: Any
) -> httpx.Response:
    """A limit order at a multiple of the market price."""
    at = (await price(customer.client) * Decimal(factor)).quantize(Decimal("0.01"))
    fields = {"type": "LIMIT", "limitPrice": str(at), **changed}
    return await customer.order(way, units, **fields)


async def test_a_buy_far_from_the_market_holds_its_cost_and_returns_it_when_cancelled(
    customer: Customer, mesh: Mesh
) -> None:
    await customer.deposit("1000")
    opened = (await limit(customer, "BUY", "0.01", "0.5")).json()
    assert opened["state"] == "OPEN"
    balance = await customer.get("/api/v1/balance")
    held = (Decimal(opened["limitPrice"]) * Decimal("0.01")).quantize(Decimal("0.01"))
    assert Decimal(balance["held"]) - held in (Decimal(0), Decimal("0.01"))
    assert Decimal(balance["available"]) + Decimal(balance["held"]) == 1000
    path = f"/api/v1/orders/{opened['orderId']}:cancel"
    replies = await asyncio.gather(*(customer.call("POST", path, json={}) for _ in range(8)))
    replies.append(await customer.call("POST", path))
    assert {reply.status_code for reply in replies} == {200}
    assert len({reply.text for reply in replies}) == 1
    assert replies[0].json()["state"] == "CANCELLED"
    balance = await customer.get("/api/v1/balance")
    assert (balance["available"], balance["held"]) == ("1000.00", "0.00")
    assert not [
        t
        for t in (await customer.get("/api/v1/balance/transactions"))["transactions"]
        if t["type"] != "DEPOSIT"
    ]
    order = await customer.get(f"/api/v1/orders/{opened['orderId']}")
    assert [event["state"] for event in order["history"]] == ["PENDING", "OPEN", "CANCELLED"]
    assert all(len(event["traceId"]) == 32 for event in order["history"])
    await asyncio.to_thread(mesh.audit)


async def test_an_order_at_or_beyond_the_market_is_filled_at_the_market_price(
    customer: Customer, mesh: Mesh
) -> None:
    await customer.deposit("1000")
    bought = (await limit(customer, "BUY", "0.005", "1.1")).json()
    sold = (await limit(customer, "SELL", "0.002", "0.9")).json()
    for order in (bought, sold):
        assert order["state"] == "FILLED"
    assert Decimal(bought["averagePrice"]) < Decimal(bought["limitPrice"])
    assert Decimal(sold["averagePrice"]) > Decimal(sold["limitPrice"])
    balance = await customer.get("/api/v1/balance")
    spent = Decimal(bought["total"]) - Decimal(sold["total"])
    assert (Decimal(balance["available"]), balance["held"]) == (1000 - spent, "0.00")
    cancel = await customer.call("POST", f"/api/v1/orders/{bought['orderId']}:cancel")
    assert (cancel.status_code, reason(cancel)) == (400, "ORDER_NOT_OPEN")
    await asyncio.to_thread(mesh.audit)


async def test_a_resting_order_is_filled_when_the_market_comes(customer: Customer) -> None:
    await customer.deposit("1000")
    # Just off a market that moves every two seconds: one of the two will be reached.
    placed = [
        (await limit(customer, "BUY", "0.0001", factor)).json()["orderId"]
        for factor in ("0.99999", "0.99995", "0.9999")
    ]

    async def one_is_filled() -> bool:
        orders = [await customer.get(f"/api/v1/orders/{order_id}") for order_id in placed]
        return any(order["state"] == "FILLED" for order in orders)

    await eventually(one_is_filled, within_s=60)


async def test_an_order_expires_at_its_time(customer: Customer) -> None:
    await customer.deposit("1000")
    soon = (datetime.now(UTC) + timedelta(seconds=1)).isoformat()
    placed = await limit(customer, "BUY", "0.01", "0.5", expireTime=soon, requestId="expiring")
    order = placed.json()
    assert order["state"] == "OPEN"

    async def expired() -> bool:
        found = await customer.get(f"/api/v1/orders/{order['orderId']}")
        return bool(found["state"] == "EXPIRED")

    await eventually(expired, within_s=10)

    async def returned() -> bool:
        return bool((await customer.get("/api/v1/balance"))["held"] == "0.00")

    await eventually(returned, within_s=5)
    # A repeat gets its order, though the time that it names is over.
    again = await customer.order(
        "BUY",
        "0.01",
        type="LIMIT",
        limitPrice=order["limitPrice"],
        expireTime=soon,
        requestId="expiring",
    )
    assert again.json()["state"] == "EXPIRED"


@pytest.mark.parametrize(
    ("changed", "field"),
    [
        ({"limitPrice": None}, "limitPrice"),
        ({"limitPrice": "1.001"}, "limitPrice"),
        ({"limitPrice": "-1"}, "limitPrice"),
        ({"maxPrice": "5"}, "maxPrice"),
        ({"expireTime": "2020-01-01T00:00:00Z"}, "expireTime"),
        ({"expireTime": FAR}, "expireTime"),
        ({"type": "MARKET"}, "limitPrice"),
        (
            {"type": "MARKET", "limitPrice": None, "expireTime": "2099-01-01T00:00:00Z"},
            "expireTime",
        ),
    ],
)
async def test_a_limit_order_that_makes_no_sense_is_refused(
    customer: Customer, changed: dict[str, Any], field: str
) -> None:
    fields: dict[str, Any] = {"type": "LIMIT", "limitPrice": "5", **changed}
    reply = await customer.order("BUY", "0.01", **fields)
    assert (reply.status_code, reason(reply)) == (400, "FIELD_INVALID"), reply.text
    assert violated(reply) == {field}


async def test_a_limit_order_that_cannot_be_held_is_refused(customer: Customer) -> None:
    assert reason(await limit(customer, "BUY", "0.01", "0.5")) == "INSUFFICIENT_FUNDS"
    assert reason(await limit(customer, "SELL", "0.01", "2")) == "INSUFFICIENT_HOLDING"
    assert reason(await limit(customer, "BUY", "1", "0.5")) == "NOTIONAL_LIMIT"


async def test_orders_are_listed_by_state_asset_and_side(customer: Customer) -> None:
    await customer.deposit("1000")
    await customer.order("BUY", "1", assetId="DOGE")
    await customer.order("SELL", "0.5", assetId="DOGE")
    resting = (await limit(customer, "BUY", "0.001", "0.5")).json()

    async def found(**params: str) -> list[str]:
        page = await customer.get("/api/v1/orders", params=params)
        return [f"{o['side']} {o['assetId']} {o['state']}" for o in page["orders"]]

    assert await found(state="OPEN") == ["BUY BTC OPEN"]
    assert await found(assetId="DOGE") == ["SELL DOGE FILLED", "BUY DOGE FILLED"]
    assert await found(side="BUY") == ["BUY BTC OPEN", "BUY DOGE FILLED"]
    assert await found(state="FILLED", side="SELL", assetId="DOGE") == ["SELL DOGE FILLED"]
    await customer.call("POST", f"/api/v1/orders/{resting['orderId']}:cancel")
    assert await found(state="CANCELLED") == ["BUY BTC CANCELLED"]
    bad = await customer.call("GET", "/api/v1/orders", params={"state": "LOST"})
    assert bad.status_code == 400


async def test_a_days_deposits_and_withdrawals_are_limited(customer: Customer) -> None:
    replies = await asyncio.gather(*(customer.deposit("1500") for _ in range(10)))
    refused = [reply for reply in replies if reply.status_code != 200]
    assert len(refused) == 4
    assert {reason(reply) for reply in refused} == {"DAILY_LIMIT"}
    assert (await customer.get("/api/v1/balance"))["available"] == "9000.00"
    assert (await customer.deposit("1000")).status_code == 200

    async def withdraw(amount: str) -> httpx.Response:
        body = {"amount": amount, "requestId": customer.request_id()}
        return await customer.call("POST", "/api/v1/balance/withdraw", json=body)

    replies = list(await asyncio.gather(*(withdraw("999.99") for _ in range(8))))
    assert sorted(reply.status_code for reply in replies) == [200] * 5 + [400] * 3
    assert (await withdraw("0.06")).status_code == 400
    assert (await withdraw("0.05")).status_code == 200
