"""A storm: customers trade while processes are killed and calls are doubled and abandoned.

On PostgreSQL with two replicas of each service. Afterwards what customers were told
is what the books say. `make soak` lets it last longer.
"""

from __future__ import annotations

import asyncio
import os
import random
import signal
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

import httpx
import pytest

from mesh.runtime.ids import new_id
from tests.support.eventually import eventually
from tests.support.mesh import Customer, Mesh, free_base, new_customer, reason
from tests.support.postgres import PostgresServer

SOAK = os.environ.get("TRADEWIND_SOAK") == "1"
STORM_S = 180 if SOAK else 20
CUSTOMERS = 12
KILL_EVERY_S = 2.5
DEPOSIT = Decimal(9000)
UNDECIDED = {
    "SERVICE_UNAVAILABLE",
    "ORDER_OUTCOME_PENDING",
    "DEADLINE_EXCEEDED",
    "RATE_LIMITED",
}
"""What tells nothing of an order's outcome: the request has to be asked again."""


@pytest.fixture
def replicas(
    tmp_path_factory: pytest.TempPathFactory, postgres_server: PostgresServer
) -> Iterator[Mesh]:
    mesh = Mesh(tmp_path_factory.mktemp("storm") / "home", free_base())
    mesh.up("--database", postgres_server.new_database(), "--replicas", "2")
    try:
        yield mesh
    finally:
        mesh.down()


@pytest.fixture
async def outside(replicas: Mesh) -> AsyncIterator[httpx.AsyncClient]:
    limits = httpx.Limits(max_connections=200)
    async with httpx.AsyncClient(base_url=replicas.url, timeout=20, limits=limits) as found:
        yield found


@dataclass
class Trader:
    """A customer who notes what was asked, and every answer."""

    customer: Customer
    dice: random.Random
    asked: dict[str, dict[str, Any]] = field(default_factory=dict)
    answers: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    refused: dict[str, set[str]] = field(default_factory=dict)
    cancelled: set[str] = field(default_factory=set)

    def wish(self, market: Decimal) -> str:
        """Makes an order up; its request id."""
        request_id = new_id()
        side = self.dice.choice(["BUY", "BUY", "SELL"])
        body: dict[str, Any] = {
            "requestId": request_id,
            "assetId": "BTC",
            "side": side,
            "type": self.dice.choice(["MARKET", "MARKET", "LIMIT"]),
            "quantity": str(Decimal(self.dice.randint(1, 40)).scaleb(-5)),
        }
        if body["type"] == "LIMIT":
            away = Decimal(self.dice.choice(["0.9", "0.9999", "1.0001", "1.1"]))
            body["limitPrice"] = str((market * away).quantize(Decimal("0.01")))
        self.asked[request_id] = body
        return request_id

    async def ask(self, request_id: str) -> bool:
        """Sends a request, perhaps again; whether its outcome is known."""
        try:
            reply = await self.customer.call("POST", "/api/v1/orders", json=self.asked[request_id])
        except httpx.TransportError:
            return False
        if reply.status_code == 200:
            self.answers.setdefault(request_id, []).append(reply.json())
            return True
        why = reason(reply)
        assert reply.status_code in {400, 429, 503, 504}, reply.text
        if why not in UNDECIDED:
            self.refused.setdefault(request_id, set()).add(why)
        return why not in UNDECIDED

    async def trade(self, market: Decimal) -> None:
        """One order, sometimes doubled, sometimes abandoned before its answer."""
        request_id = self.wish(market)
        copies = self.dice.choice([1, 1, 1, 2, 3])
        patience = self.dice.choice([20, 20, 20, 0.02])

        async def one(delay: float) -> None:
            await asyncio.sleep(delay)
            with suppress(TimeoutError):
                async with asyncio.timeout(patience):
                    await self.ask(request_id)

        await asyncio.gather(*(one(self.dice.random() * 0.3) for _ in range(copies)))
        if self.dice.random() < 0.2:
            await self.cancel_something()

    async def cancel_something(self) -> None:
        """Does not want one of the open orders any more."""
        rest = [
            each[-1]["orderId"] for each in self.answers.values() if each[-1]["state"] == "OPEN"
        ]
        if rest:
            await self.cancel(self.dice.choice(rest))

    async def cancel(self, order_id: str) -> bool:
        """Cancels; whether the outcome is known."""
        try:
            reply = await self.customer.call("POST", f"/api/v1/orders/{order_id}:cancel")
        except httpx.TransportError:
            return False
        if reply.status_code == 200:
            self.cancelled.add(order_id)
            return True
        return reason(reply) == "ORDER_NOT_OPEN"

    async def orders(self) -> list[dict[str, Any]]:
        """All orders of the customer, as they are."""
        found: list[dict[str, Any]] = []
        token = ""
        while True:
            params = {"pageSize": "100", "pageToken": token}
            page = await self.customer.get("/api/v1/orders", params=params)
            found += page["orders"]
            token = page["nextPageToken"]
            if not token:
                return found


async def kill_at_random(mesh: Mesh, dice: random.Random) -> None:
    """Kills a process every few seconds, until cancelled."""
    while True:
        await asyncio.sleep(KILL_EVERY_S)
        processes = (await asyncio.to_thread(mesh.status))["processes"]
        victim = dice.choice(processes)
        if victim["pid"] is not None:
            with suppress(ProcessLookupError):
                os.kill(victim["pid"], signal.SIGKILL)


async def storm(traders: list[Trader], mesh: Mesh, dice: random.Random) -> None:
    """Everybody trades while processes die."""
    price = (await traders[0].customer.get("/api/v1/assets/BTC"))["price"]
    killer = asyncio.create_task(kill_at_random(mesh, dice))
    ends = asyncio.get_running_loop().time() + STORM_S

    async def one(trader: Trader) -> None:
        while asyncio.get_running_loop().time() < ends:
            await trader.trade(Decimal(price))

    try:
        await asyncio.gather(*(one(trader) for trader in traders))
    finally:
        killer.cancel()


async def calm(trader: Trader) -> list[dict[str, Any]]:
    """Asks again for all that is not known, cancels what is open; the orders as they end."""
    for request_id in trader.asked:
        if request_id not in trader.answers and request_id not in trader.refused:
            await eventually(lambda each=request_id: trader.ask(each), within_s=30)  # type: ignore[misc]
    for order in await trader.orders():
        if order["state"] == "OPEN":
            await eventually(lambda each=order: trader.cancel(each["orderId"]), within_s=30)  # type: ignore[misc]

    async def settled() -> bool:
        balance = await trader.customer.get("/api/v1/balance")
        return bool(balance["held"] == "0.00")

    await eventually(settled, within_s=30)
    return await trader.orders()


def check_answers(trader: Trader, orders: list[dict[str, Any]]) -> None:
    """What the customer was told is what became of each order."""
    by_request = {order["requestId"]: order for order in orders}
    assert len(by_request) == len(orders)
    assert set(by_request) == set(trader.asked)
    for request_id, order in by_request.items():
        for answer in trader.answers.get(request_id, []):
            assert answer["orderId"] == order["orderId"]
            if answer["state"] == "FILLED":
                assert (order["state"], order["total"]) == ("FILLED", answer["total"])
        for why in trader.refused.get(request_id, ()):
            assert (order["state"], order["rejectReason"]) == ("REJECTED", why)
        if order["orderId"] in trader.cancelled:
            assert order["state"] == "CANCELLED"


async def check_money(trader: Trader, orders: list[dict[str, Any]]) -> None:
    """Cash and units are exactly what the filled orders moved."""
    cash, units = DEPOSIT, Decimal(0)
    for order in orders:
        if order["state"] == "FILLED":
            sign = 1 if order["side"] == "BUY" else -1
            cash -= sign * Decimal(order["total"])
            units += sign * Decimal(order["quantity"])
    assert Decimal((await trader.customer.get("/api/v1/balance"))["available"]) == cash
    holding = await trader.customer.get("/api/v1/holdings/BTC")
    assert (Decimal(holding["available"]), Decimal(holding["held"])) == (units, Decimal(0))


@pytest.mark.timeout(600 if SOAK else 180)
async def test_after_a_storm_the_books_say_what_customers_were_told(
    replicas: Mesh, outside: httpx.AsyncClient
) -> None:
    dice = random.Random(20261124)
    customers = await asyncio.gather(*(new_customer(outside) for _ in range(CUSTOMERS)))
    for each in customers:
        assert (await each.deposit(str(DEPOSIT))).status_code == 200
    traders = [Trader(each, random.Random(dice.random())) for each in customers]
    await storm(traders, replicas, dice)

    async def ready() -> bool:
        return bool((await asyncio.to_thread(replicas.status))["ready"])

    await eventually(ready, within_s=60)
    ends = await asyncio.gather(*(calm(trader) for trader in traders))
    for trader, orders in zip(traders, ends, strict=True):
        check_answers(trader, orders)
        await check_money(trader, orders)

    async def clean() -> bool:
        return (await asyncio.to_thread(replicas.command, "audit")).returncode == 0

    await eventually(clean, within_s=30)
    status = await asyncio.to_thread(replicas.status)
    filled = sum(order["state"] == "FILLED" for orders in ends for order in orders)
    assert filled > CUSTOMERS
    assert sum(process["restarts"] for process in status["processes"]) >= 2
