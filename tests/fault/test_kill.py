"""Processes killed or frozen in the middle of trading: nothing is lost, nothing doubled."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal

import httpx
import pytest

from mesh.identity.names import EDGE, SERVICES
from tests.support.eventually import eventually
from tests.support.mesh import Customer, Mesh, reason

TROUBLE = {
    (503, "SERVICE_UNAVAILABLE"),
    (503, "ORDER_OUTCOME_PENDING"),
    (504, "ORDER_OUTCOME_PENDING"),
    (504, "DEADLINE_EXCEEDED"),
    (400, "NOT_FILLED_IN_TIME"),
}
"""What an order may be answered while something is down."""


async def attempt(customer: Customer, request_id: str) -> httpx.Response | None:
    """One try of an order; None when the edge itself was gone."""
    try:
        return await customer.order("BUY", "0.0001", requestId=request_id)
    except httpx.TransportError:
        return None


async def insist(customer: Customer, request_id: str) -> dict[str, str]:
    """Asks under the same request id until the outcome is known; answers the order, or {}."""
    found: dict[str, str] = {}

    async def known() -> bool:
        reply = await attempt(customer, request_id)
        if reply is None:
            return False
        if reply.status_code == 200:
            found.update(reply.json())
            return True
        assert (reply.status_code, reason(reply)) in TROUBLE, reply.text
        return reason(reply) == "NOT_FILLED_IN_TIME"

    await eventually(known, within_s=30)
    return found


async def is_ready(mesh: Mesh) -> bool:
    return bool((await asyncio.to_thread(mesh.status))["ready"])


@pytest.mark.parametrize("name", [*SERVICES, EDGE])
async def test_a_killed_process_comes_back_and_trading_goes_on(
    mesh: Mesh, customer: Customer, name: str
) -> None:
    await customer.deposit("9000")
    before = await asyncio.to_thread(mesh.process, name)
    trades = [asyncio.create_task(insist(customer, f"order-{n}")) for n in range(30)]
    os.kill(before["pid"], signal.SIGKILL)
    orders = await asyncio.gather(*trades)

    async def restarted() -> bool:
        process = await asyncio.to_thread(mesh.process, name)
        return process["restarts"] > before["restarts"] and await is_ready(mesh)

    await eventually(restarted, within_s=30)
    assert (await insist(customer, "afterwards"))["state"] == "FILLED"
    orders.append(await insist(customer, "afterwards"))
    spent = sum((Decimal(order["total"]) for order in orders if order), Decimal(0))
    assert Decimal((await customer.get("/api/v1/balance"))["available"]) == 9000 - spent
    assert len((await customer.get("/api/v1/orders"))["orders"]) <= 31
    await asyncio.to_thread(mesh.audit)


@contextmanager
def frozen(pid: int) -> Iterator[None]:
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


@pytest.mark.parametrize("name", ["user", "inventory"])
async def test_an_order_in_front_of_a_frozen_service_is_told_as_pending(
    mesh: Mesh, customer: Customer, name: str
) -> None:
    await customer.deposit("9000")
    await customer.order("BUY", "0.0001")
    with frozen((await asyncio.to_thread(mesh.process, name))["pid"]):
        began = time.monotonic()
        reply = await attempt(customer, "frozen")
        assert reply is not None
        assert time.monotonic() - began < 6
        assert (reply.status_code, reason(reply)) in TROUBLE, reply.text
        assert reason(reply) == "ORDER_OUTCOME_PENDING"
        details = reply.json()["details"]
        order_id = next(each["metadata"]["orderId"] for each in details if "metadata" in each)
        order = await customer.get(f"/api/v1/orders/{order_id}")
        assert order["state"] == "PENDING"
    order = await insist(customer, "frozen")
    told = await customer.get(f"/api/v1/orders/{order_id}")
    assert told["state"] == ("FILLED" if order else "REJECTED")
    await eventually(lambda: is_ready(mesh), within_s=30)
    await asyncio.to_thread(mesh.audit)


async def test_a_service_that_is_down_is_told_in_time(
    mesh: Mesh, client: httpx.AsyncClient
) -> None:
    process = await asyncio.to_thread(mesh.process, "inventory")
    os.kill(process["pid"], signal.SIGKILL)
    answers: set[tuple[int, str]] = set()

    async def back() -> bool:
        began = time.monotonic()
        reply = await client.get("/api/v1/assets/BTC")
        assert time.monotonic() - began < 3
        if reply.status_code != 200:
            answers.add((reply.status_code, reason(reply)))
        return reply.status_code == 200 and bool(answers)

    await eventually(back, within_s=30)
    assert answers == {(503, "SERVICE_UNAVAILABLE")}
