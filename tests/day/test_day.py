"""A trading day: many orders, then an audit of them all; `make soak` plays 100,000.

What it cost is printed (`-s`, or the soak's report): orders per second, seconds of
the audit, sizes of the stores, and how long a list call takes before and after.
"""

from __future__ import annotations

import asyncio
import os
import statistics
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

import grpc
import httpx
import pytest
from tradewind.order.v1.order_pb2 import CreateOrderRequest, ListOrdersRequest, Order
from tradewind.order.v1.order_pb2_grpc import OrderServiceStub
from tradewind.user.v1.account_pb2 import ListTransactionsRequest
from tradewind.user.v1.account_pb2_grpc import AccountServiceStub

from mesh.runtime.ids import new_id
from tests.support.mesh import Customer, Mesh, free_base, new_customer

SOAK = os.environ.get("TRADEWIND_SOAK") == "1"
ORDERS = 100_000 if SOAK else 1_000
CUSTOMERS = 20
CLIENTS = 128
LOOKS = 40
FLAT = 3.0
"""A list call may take at most so many times what it took when there was next to nothing."""

Token = tuple[tuple[str, str], ...]


@pytest.fixture
def day_mesh(tmp_path: Path) -> Iterator[Mesh]:
    mesh = Mesh(tmp_path / "home", free_base())
    mesh.up()
    try:
        yield mesh
    finally:
        mesh.down()


async def median_ms(call: Callable[[], Awaitable[object]]) -> float:
    """How long a call takes, one after the other."""
    took = []
    for _ in range(LOOKS):
        began = time.perf_counter()
        await call()
        took.append((time.perf_counter() - began) * 1000)
    return statistics.median(took)


class Day:
    """Orders of many customers through the edge."""

    def __init__(self, channel: grpc.aio.Channel, customers: list[Customer]) -> None:
        self._orders = OrderServiceStub(channel)
        self._accounts = AccountServiceStub(channel)
        self._tokens: list[Token] = [
            (("authorization", f"Bearer {each.token}"),) for each in customers
        ]

    async def trade(self, count: int, sells: int) -> None:
        """Places orders from many clients at once, so many of four to sell; all are filled."""
        numbers = iter(range(count))

        async def client() -> None:
            for number in numbers:
                request = CreateOrderRequest(
                    request_id=new_id(),
                    asset_id="DOGE",
                    side=Order.SELL if number % 4 < sells else Order.BUY,
                    type=Order.MARKET,
                    quantity="0.5",
                )
                token = self._tokens[number // 8 % CUSTOMERS]
                order = await self._orders.CreateOrder(request, metadata=token, timeout=20)
                assert order.state == Order.FILLED

        await asyncio.gather(*(client() for _ in range(CLIENTS)))

    async def list_ms(self) -> dict[str, float]:
        """How long list calls of one customer take."""
        token = self._tokens[0]

        async def orders() -> object:
            return await self._orders.ListOrders(ListOrdersRequest(), metadata=token, timeout=5)

        async def rejected() -> object:
            request = ListOrdersRequest(state=Order.REJECTED)
            return await self._orders.ListOrders(request, metadata=token, timeout=5)

        async def transactions() -> object:
            request = ListTransactionsRequest()
            return await self._accounts.ListTransactions(request, metadata=token, timeout=5)

        calls = {"orders": orders, "rejected orders": rejected, "transactions": transactions}
        return {name: await median_ms(call) for name, call in calls.items()}


@pytest.mark.timeout(1800 if SOAK else 120)
async def test_a_day_of_many_orders_ends_with_clean_books(day_mesh: Mesh) -> None:
    async with (
        httpx.AsyncClient(base_url=day_mesh.url, timeout=20) as client,
        grpc.aio.insecure_channel(f"127.0.0.1:{day_mesh.base}") as channel,
    ):
        customers = [await new_customer(client) for _ in range(CUSTOMERS)]
        for each in customers:
            assert (await each.deposit("9000")).is_success
        day = Day(channel, customers)
        await day.trade(50 * CUSTOMERS, sells=0)
        before = await day.list_ms()
        began = time.perf_counter()
        await day.trade(ORDERS, sells=1)
        traded_s = time.perf_counter() - began
        after = await day.list_ms()

    began = time.perf_counter()
    await asyncio.to_thread(day_mesh.audit)
    audit_s = time.perf_counter() - began
    sizes: Counter[str] = Counter()
    for path in (day_mesh.home / "data").iterdir():
        sizes[path.name.partition(".")[0]] += path.stat().st_size
    print(f"\n{ORDERS} orders in {traded_s:.1f} s; audit {audit_s:.1f} s")
    print("stores (MB):", {name: round(size / 1e6, 1) for name, size in sorted(sizes.items())})
    for name in before:
        print(f"list {name}: {before[name]:.1f} ms before, {after[name]:.1f} ms after")
    # A floor, for what takes next to no time varies most.
    assert all(after[name] < FLAT * max(before[name], 3.0) for name in before)
