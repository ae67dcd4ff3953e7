"""SIGKILL at every boundary between a step's effect and the next, with real processes.

The points are not listed here: each flow is run once and its steps are counted.
`make test` takes a slice of them, `make soak` all.
"""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.protobuf.timestamp_pb2 import Timestamp
from tradewind.order.v1.order_pb2 import CancelOrderRequest, CreateOrderRequest, Order
from tradewind.order.v1.order_pb2_grpc import OrderServiceStub

from tests.support.backend import Backend, running_backend
from tests.support.eventually import eventually

SOAK = os.environ.get("TRADEWIND_SOAK") == "1"
EVERY = 1 if SOAK else 6
"""Of so many points, one is tried."""
ABOVE, BELOW = "500000", "5000"
"""Dollars for a bitcoin that the simulated market stays far away from."""
AT_REST = {Order.FILLED, Order.REJECTED, Order.CANCELLED, Order.EXPIRED, Order.OPEN}


@pytest.fixture
async def backend(tmp_path: Path) -> AsyncIterator[Backend]:
    async with running_backend(tmp_path) as found:
        await found.deposit("10000", "d")
        yield found


def log_of(backend: Backend) -> Path:
    """Where the order service writes which steps it took."""
    return backend.workloads.folder / "steps.log"


async def start_order(
    backend: Backend, request_id: str, at: int = -1
) -> asyncio.subprocess.Process:
    """Starts an order service that dies at a moment of one order."""
    log_of(backend).unlink(missing_ok=True)
    return await backend.start(
        "order",
        "tests.support.crashing_order",
        CRASH_REQUEST=request_id,
        CRASH_AT=str(at),
        CRASH_LOG=str(log_of(backend)),
    )


Flow = Callable[[Backend, str], Awaitable[None]]


async def place(backend: Backend, request_id: str, **fields: Any) -> Order:
    request = CreateOrderRequest(request_id=request_id, asset_id="BTC", **fields)
    stub = OrderServiceStub(backend.edge("order"))
    return await stub.CreateOrder(request, metadata=backend.token, timeout=5)


async def buy(backend: Backend, request_id: str) -> None:
    await place(backend, request_id, side=Order.BUY, type=Order.MARKET, quantity="0.001")


async def sell(backend: Backend, request_id: str) -> None:
    await place(backend, request_id, side=Order.SELL, type=Order.MARKET, quantity="0.00002")


async def _limit(backend: Backend, request_id: str, limit: str, **more: Any) -> Order:
    return await place(
        backend,
        request_id,
        side=Order.BUY,
        type=Order.LIMIT,
        quantity="0.001",
        limit_price=limit,
        **more,
    )


async def limit_fill(backend: Backend, request_id: str) -> None:
    await _limit(backend, request_id, ABOVE)


async def cancel(backend: Backend, request_id: str) -> None:
    order = await _limit(backend, request_id, BELOW)
    stub = OrderServiceStub(backend.edge("order"))
    await stub.CancelOrder(
        CancelOrderRequest(order_id=order.order_id), metadata=backend.token, timeout=5
    )


async def expire(backend: Backend, request_id: str) -> None:
    soon = Timestamp()
    soon.FromMicroseconds(int((time.time() + 0.5) * 1_000_000))
    await _limit(backend, request_id, BELOW, expire_time=soon)


FLOWS: dict[str, tuple[Flow, Order.State]] = {
    "buy": (buy, Order.FILLED),
    "sell": (sell, Order.FILLED),
    "limit fill": (limit_fill, Order.FILLED),
    "cancel": (cancel, Order.CANCELLED),
    "expire": (expire, Order.EXPIRED),
}


@pytest.mark.timeout(900 if SOAK else 120)
@pytest.mark.parametrize("name", FLOWS)
async def test_a_process_killed_at_any_step_leaves_nothing_behind(
    backend: Backend, name: str
) -> None:
    flow, end = FLOWS[name]
    process = await start_order(backend, "whole")
    await buy(backend, "to-sell")
    await flow(backend, "whole")

    async def ended() -> bool:
        orders = (await backend.books()).orders
        return any(o.request_id == "whole" and o.state == end and o.settled for o in orders)

    await eventually(ended, within_s=20)
    await backend.check()
    moments = log_of(backend).read_text().splitlines()
    assert len(moments) >= 12, moments
    process.kill()
    await process.wait()

    points = list(range(len(moments)))[list(FLOWS).index(name) % EVERY :: EVERY]
    for point in points:
        request_id = f"killed-{point}"
        process = await start_order(backend, request_id, point)
        # What the process before left is taken up by this one.
        await backend.check()
        with suppress(grpc.aio.AioRpcError):
            await flow(backend, request_id)  # It may also die when it has answered.
        assert await process.wait() == -signal.SIGKILL, (point, moments)

    await start_order(backend, "nobody")
    await backend.check()
    orders = {order.request_id: order for order in (await backend.books()).orders}
    assert {order.state for order in orders.values()} <= AT_REST
    if name in {"buy", "sell", "limit fill"}:
        # Repeated, each request answers the order that it made, if it made one, and fills it.
        for point in points:
            await flow(backend, f"killed-{point}")

        async def all_filled() -> bool:
            again = {order.request_id: order for order in (await backend.books()).orders}
            assert all(again[key].order_id == order.order_id for key, order in orders.items())
            return {again[f"killed-{point}"].state for point in points} == {Order.FILLED}

        await eventually(all_filled, within_s=20)
    await backend.check()
