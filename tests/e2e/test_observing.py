"""What an SRE sees of a call: its trace across all services, its log lines, its address."""

from __future__ import annotations

import asyncio
import json

import httpx

from tests.support.eventually import eventually
from tests.support.mesh import Customer, Mesh


async def test_an_order_is_one_trace_through_all_services_and_their_databases(
    customer: Customer, mesh: Mesh
) -> None:
    await customer.deposit("1000")
    reply = await customer.order("BUY", "0.0001")
    trace_id = reply.headers["x-trace-id"]
    services = [f"\n{name} " for name in ("edge", "order", "inventory", "user")]
    # The last of its steps comes after the answer, and each service sends its own spans.
    steps = ["CreateOrder", "StockService/", "LedgerService/", "INSERT transfers", "orders settle"]

    async def whole() -> bool:
        done = await asyncio.to_thread(mesh.command, "trace", trace_id)
        return done.returncode == 0 and all(each in done.stdout for each in services + steps)

    await eventually(whole, within_s=60)
    as_json = await asyncio.to_thread(mesh.command, "trace", trace_id, "--json")
    assert json.loads(as_json.stdout)["traceID"] == trace_id
    order = await customer.get(f"/api/v1/orders/{reply.json()['orderId']}")
    assert {event["traceId"] for event in order["history"]} == {trace_id}


async def test_a_refused_call_is_found_by_the_id_in_its_error(
    customer: Customer, mesh: Mesh
) -> None:
    reply = await customer.order("BUY", "0.0001")
    told = next(d["requestId"] for d in reply.json()["details"] if "requestId" in d)
    assert told == reply.headers["x-trace-id"]
    async with httpx.AsyncClient(base_url=mesh.status()["urls"]["viewer"]) as viewer:

        async def found() -> bool:
            return (await viewer.get(f"/api/traces/{told}")).status_code == 200

        await eventually(found, within_s=60)
        services = (await viewer.get("/api/services")).json()["data"]
    assert {"edge", "order", "inventory", "user"} <= set(services)


async def test_an_unknown_trace_is_told_as_such(mesh: Mesh) -> None:
    done = await asyncio.to_thread(mesh.command, "trace", "0" * 31 + "1")
    assert done.returncode == 1
    assert done.stderr.strip() == "Error: trace not found"


async def test_logs_are_shown_in_the_order_of_time_with_their_trace(
    customer: Customer, mesh: Mesh
) -> None:
    reply = await customer.deposit("1")
    trace_id = reply.headers["x-trace-id"]

    async def logged() -> bool:
        done = await asyncio.to_thread(mesh.command, "logs", "-n", "400")
        lines = [line for line in done.stdout.splitlines() if line[:1].isdigit()]
        times = [line.split()[0] for line in lines]
        assert times == sorted(times) or times[0] > times[-1]  # Midnight may lie between.
        return any(trace_id in line for line in lines)

    await eventually(logged, within_s=60)
    only = await asyncio.to_thread(mesh.command, "logs", "auth", "-n", "5")
    assert len(only.stdout.splitlines()) >= 5
    none = await asyncio.to_thread(mesh.command, "logs", "nobody")
    assert none.returncode == 1
    assert "there is no log of nobody; there are: auth, edge" in none.stderr
