"""The first trade through a real edge, and what customers do from then on."""

from __future__ import annotations

import asyncio
import json
import sys
from collections import Counter
from decimal import Decimal
from pathlib import Path
from typing import Any

import grpc
import httpx
import pytest
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc
from tradewind.order.v1.order_pb2 import CreateOrderRequest, Order
from tradewind.order.v1.order_pb2_grpc import OrderServiceStub

from tests.support.mesh import Customer, Mesh, new_customer, reason, violated

PARALLEL = 200


async def test_a_newcomer_deposits_buys_and_sells(customer: Customer, mesh: Mesh) -> None:
    assert (await customer.deposit("9000")).status_code == 200
    bought = (await customer.order("BUY", "0.01")).json()
    assert bought["state"] == "FILLED"
    sold = (await customer.order("SELL", "0.004")).json()
    assert sold["state"] == "FILLED"
    spent = Decimal(bought["total"]) - Decimal(sold["total"])
    balance = await customer.get("/api/v1/balance")
    assert Decimal(balance["available"]) == 9000 - spent
    portfolio = await customer.get("/api/v1/portfolio")
    assert [p["assetId"] for p in portfolio["positions"]] == ["BTC"]
    holding = await customer.get("/api/v1/holdings/BTC")
    assert Decimal(holding["available"]) == Decimal("0.006")
    told = await customer.get(f"/api/v1/orders/{bought['orderId']}")
    assert [event["state"] for event in told.pop("history")] == ["PENDING", "FILLED"]
    assert told == {name: value for name, value in bought.items() if name != "history"}
    assert (await customer.get("/api/v1/orders"))["orders"] == [sold, bought]
    page = await customer.get("/api/v1/balance/transactions")
    assert [(t["type"], t.get("orderId")) for t in page["transactions"]] == [
        ("SELL", sold["orderId"]),
        ("BUY", bought["orderId"]),
        ("DEPOSIT", None),
    ]
    await asyncio.to_thread(mesh.audit)


async def test_a_portfolio_with_a_two_letter_symbol(customer: Customer) -> None:
    await customer.deposit("100")
    assert (await customer.order("BUY", "10", assetId="OP")).json()["state"] == "FILLED"
    portfolio = await customer.get("/api/v1/portfolio")
    assert [p["assetId"] for p in portfolio["positions"]] == ["OP"]
    page = await customer.get("/api/v1/holdings/OP/transactions")
    assert [t["type"] for t in page["transactions"]] == ["BUY"]


async def test_deposits_add_up_in_decimals(customer: Customer) -> None:
    for amount in ("0.1", "0.2"):
        assert (await customer.deposit(amount)).status_code == 200
    assert Decimal((await customer.get("/api/v1/balance"))["available"]) == Decimal("0.3")


async def test_sixteen_repeats_at_once_make_one_order(customer: Customer) -> None:
    await customer.deposit("9000")
    replies = await asyncio.gather(
        *(customer.order("BUY", "0.001", requestId="same") for _ in range(16))
    )
    assert {reply.status_code for reply in replies} == {200}
    assert len({reply.text for reply in replies}) == 1
    assert len((await customer.get("/api/v1/orders"))["orders"]) == 1
    other = await customer.order("BUY", "0.002", requestId="same")
    assert (other.status_code, reason(other)) == (400, "REQUEST_ID_REUSED")


async def test_sixteen_repeats_of_a_refused_order_are_refused_alike(customer: Customer) -> None:
    replies = await asyncio.gather(
        *(customer.order("BUY", "0.001", requestId="same") for _ in range(16))
    )
    assert {(reply.status_code, reason(reply)) for reply in replies} == {
        (400, "INSUFFICIENT_FUNDS")
    }
    assert len((await customer.get("/api/v1/orders"))["orders"]) == 1


async def test_sixteen_repeats_at_once_make_one_deposit(customer: Customer) -> None:
    replies = await asyncio.gather(*(customer.deposit("10", "same") for _ in range(16)))
    assert {reply.status_code for reply in replies} == {200}
    assert len({reply.text for reply in replies}) == 1
    assert (await customer.get("/api/v1/balance"))["available"] == "10.00"
    other = await customer.deposit("11", "same")
    assert (other.status_code, reason(other)) == (400, "REQUEST_ID_REUSED")


async def test_paging_reaches_every_transaction_once(customer: Customer) -> None:
    for _ in range(61):
        assert (await customer.deposit("1")).status_code == 200
    first = await customer.get("/api/v1/balance/transactions")
    assert first["transactions"][1]["balanceAfter"] == "60.00"
    seen: list[dict[str, Any]] = []
    token = ""
    while True:
        params = {"pageSize": "25", "pageToken": token}
        page = await customer.get("/api/v1/balance/transactions", params=params)
        seen += page["transactions"]
        await customer.deposit("1")
        token = page["nextPageToken"]
        if not token:
            break
    assert [Decimal(t["balanceAfter"]) for t in seen] == [Decimal(n) for n in range(61, 0, -1)]


async def test_paging_reaches_every_order_once(customer: Customer) -> None:
    await customer.deposit("100")
    placed = [
        (await customer.order("BUY", "1", assetId="DOGE")).json()["orderId"] for _ in range(7)
    ]
    seen: list[str] = []
    token = ""
    while True:
        page = await customer.get("/api/v1/orders", params={"pageSize": "3", "pageToken": token})
        seen += [order["orderId"] for order in page["orders"]]
        await customer.order("BUY", "1", assetId="DOGE")
        token = page["nextPageToken"]
        if not token:
            break
    assert seen == placed[::-1]
    reply = await customer.call("GET", "/api/v1/orders", params={"pageToken": "garbage"})
    assert reply.status_code == 400
    assert violated(reply) == {"pageToken"}


async def test_parallel_trades_of_one_customer_are_all_right(
    customer: Customer, mesh: Mesh
) -> None:
    await customer.deposit("9000")
    assert (await customer.order("BUY", "1", assetId="ETH", requestId="first")).is_success
    replies = await asyncio.gather(
        *(
            customer.order("SELL" if n % 2 else "BUY", "0.005", assetId="ETH")
            for n in range(PARALLEL)
        )
    )
    assert Counter(reply.status_code for reply in replies) == {200: PARALLEL}, replies[0].text
    await _expect(customer, [reply.json() for reply in replies])
    await asyncio.to_thread(mesh.audit)


async def _expect(customer: Customer, answers: list[dict[str, Any]]) -> None:
    """Makes sure that the balance is exactly what the answers say, and the holding as well."""
    pages = await customer.get("/api/v1/orders", params={"pageSize": "100"})
    first = [o for o in pages["orders"] if o["requestId"] == "first"]
    token = pages["nextPageToken"]
    while token:
        params = {"pageSize": "100", "pageToken": token}
        page = await customer.get("/api/v1/orders", params=params)
        first += [o for o in page["orders"] if o["requestId"] == "first"]
        token = page["nextPageToken"]
    cash, units = Decimal(9000), Decimal(0)
    for order in answers + first:
        sign = 1 if order["side"] == "BUY" else -1
        cash -= sign * Decimal(order["total"])
        units += sign * Decimal(order["quantity"])
    assert Decimal((await customer.get("/api/v1/balance"))["available"]) == cash
    assert Decimal((await customer.get("/api/v1/holdings/ETH"))["available"]) == units


async def test_parallel_trades_of_many_customers_are_all_right(
    client: httpx.AsyncClient, mesh: Mesh
) -> None:
    customers = await asyncio.gather(*(new_customer(client) for _ in range(20)))
    await asyncio.gather(*(each.deposit("1000") for each in customers))

    async def trade(each: Customer, n: int) -> Decimal:
        # Some cannot pay, and must be refused without touching the others.
        reply = await each.order("BUY", "0.09" if n % 5 == 4 else "0.0005")
        if reply.status_code == 200:
            return Decimal(reply.json()["total"])
        assert reason(reply) == "INSUFFICIENT_FUNDS", reply.text
        return Decimal(0)

    spent = await asyncio.gather(
        *(trade(customers[n // 10], n) for n in range(PARALLEL)),
    )
    for index, each in enumerate(customers):
        total = sum(spent[index * 10 : index * 10 + 10])
        assert 0 < total < 1000
        balance = await each.get("/api/v1/balance")
        assert Decimal(balance["available"]) == 1000 - total
    await asyncio.to_thread(mesh.audit)


async def test_a_grpc_client_trades_through_the_edge(customer: Customer, mesh: Mesh) -> None:
    await customer.deposit("9000")
    async with grpc.aio.insecure_channel(f"127.0.0.1:{mesh.base}") as channel:
        request = CreateOrderRequest(
            request_id="grpc", asset_id="BTC", side=Order.BUY, type=Order.MARKET, quantity="0.001"
        )
        order = await OrderServiceStub(channel).CreateOrder(
            request, metadata=(("authorization", f"Bearer {customer.token}"),), timeout=10
        )
    assert order.state == Order.FILLED


async def test_the_edge_lists_its_services_by_reflection(mesh: Mesh) -> None:
    hidden = "tradewind.user.v1.LedgerService"
    requests = [
        reflection_pb2.ServerReflectionRequest(list_services=""),
        reflection_pb2.ServerReflectionRequest(file_containing_symbol=hidden),
        reflection_pb2.ServerReflectionRequest(
            file_containing_symbol="tradewind.user.v1.ProvisioningService"
        ),
    ]
    async with grpc.aio.insecure_channel(f"127.0.0.1:{mesh.base}") as channel:
        new_stub: Any = reflection_pb2_grpc.ServerReflectionStub
        stub = new_stub(channel)
        replies = [reply async for reply in stub.ServerReflectionInfo(iter(requests))]
    names = {service.name for service in replies[0].list_services_response.service}
    assert names >= {
        "tradewind.auth.v1.AuthService",
        "tradewind.user.v1.AccountService",
        "tradewind.inventory.v1.AssetService",
        "tradewind.order.v1.OrderService",
    }
    assert not [name for name in names if "Ledger" in name or "Audit" in name]
    for reply in replies[1:]:
        assert reply.error_response.error_code == grpc.StatusCode.NOT_FOUND.value[0]


@pytest.mark.parametrize("version", ["grpc-v1", "grpc-v1alpha"])
async def test_buf_curl_lists_methods_and_places_an_order(
    customer: Customer, mesh: Mesh, version: str
) -> None:
    await customer.deposit("1000")
    url = f"http://127.0.0.1:{mesh.base}"
    curl = [str(Path(sys.executable).with_name("buf")), "curl", "--protocol", "grpc"]
    curl += ["--http2-prior-knowledge", "--reflect-protocol", version]

    async def run(*arguments: str) -> str:
        process = await asyncio.create_subprocess_exec(
            *curl, *arguments, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
        )
        out, err = await process.communicate()
        assert process.returncode == 0, err.decode()
        return out.decode()

    assert "tradewind.order.v1.OrderService/CreateOrder" in await run("--list-methods", url)
    body = {
        "requestId": "curl",
        "assetId": "BTC",
        "side": "BUY",
        "type": "MARKET",
        "quantity": "0.001",
    }
    order = await run(
        "-H",
        f"Authorization: Bearer {customer.token}",
        "-d",
        json.dumps(body),
        f"{url}/tradewind.order.v1.OrderService/CreateOrder",
    )
    assert json.loads(order)["state"] == "FILLED"
