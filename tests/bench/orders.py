"""What an order costs: rate, latency and CPU per order, beside an empty call.

`python -m tests.bench.orders [--seconds S] [--clients 1,16,64,128] [--only sqlite]`

A whole mesh trades through its own edge. CPU is that of the four services, from
the kernel's account of each process; the load generator and Envoy have theirs.
All numbers come from one run on one machine: compare within it.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import re
import statistics
import sys
import tempfile
import time
import urllib.request
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import grpc
import httpx
from tradewind.auth.v1.auth_pb2 import GetJwksRequest
from tradewind.auth.v1.auth_pb2_grpc import AuthServiceStub
from tradewind.order.v1.order_pb2 import CreateOrderRequest, Order
from tradewind.order.v1.order_pb2_grpc import OrderServiceStub

from mesh.cli.ports import HOST
from mesh.identity.names import SERVICES
from mesh.runtime.ids import new_id
from tests.support.mesh import Customer, Mesh, free_base, new_customer
from tests.support.postgres import binaries, running_server

CUSTOMERS = 32
TICKS = os.sysconf("SC_CLK_TCK")

HEADER = "clients   orders/s   p50 ms   p99 ms   CPU ms   batch   empty/s   CPU ms   ratio"

Call = Callable[[int], Awaitable[object]]


@dataclass(frozen=True, slots=True)
class Cell:
    """One measurement."""

    rate: float
    p50_ms: float
    p99_ms: float
    cpu_ms: float
    """CPU of all services for one call."""


def cpu_s(pids: Sequence[int]) -> float:
    """CPU seconds that processes have used."""
    total = 0.0
    for pid in pids:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        total += (int(fields[11]) + int(fields[12])) / TICKS
    return total


async def load(call: Call, clients: int, seconds: float, pids: Sequence[int]) -> Cell:
    """Calls from so many clients at once for a while."""
    took: list[float] = []
    ends = time.perf_counter() + seconds

    async def client(number: int) -> None:
        while (began := time.perf_counter()) < ends:
            await call(number)
            took.append(time.perf_counter() - began)

    before, began = cpu_s(pids), time.perf_counter()
    await asyncio.gather(*(client(number) for number in range(clients)))
    elapsed, used = time.perf_counter() - began, cpu_s(pids) - before
    took.sort()
    return Cell(
        len(took) / elapsed,
        statistics.median(took) * 1000,
        took[int(len(took) * 0.99)] * 1000,
        used / len(took) * 1000,
    )


def batch_size(mesh: Mesh, batch: str, seen: dict[str, tuple[float, float]]) -> float:
    """Mean size of a batcher's batches since the last look at it."""
    port = int(mesh.process("order")["address"].rpartition(":")[2]) + 1
    with urllib.request.urlopen(f"http://{HOST}:{port}/metrics") as page:
        text = page.read().decode()
    found = {
        name: float(re.search(rf'batch_items_{name}{{batch="{batch}"}} (\S+)', text)[1])  # type: ignore[index]
        for name in ("sum", "count")
    }
    items, batches = seen.get(batch, (0.0, 0.0))
    seen[batch] = (found["sum"], found["count"])
    return (found["sum"] - items) / max(found["count"] - batches, 1)


async def measure(mesh: Mesh, clients: Sequence[int], seconds: float) -> None:
    """Prints a table of one mesh."""
    pids = [mesh.process(name)["pid"] for name in SERVICES]
    async with httpx.AsyncClient(base_url=mesh.url, timeout=30) as http:
        customers = [await funded(http) for _ in range(CUSTOMERS)]
        async with grpc.aio.insecure_channel(f"{HOST}:{mesh.base}") as channel:
            orders, auth = OrderServiceStub(channel), AuthServiceStub(channel)

            async def order(number: int) -> None:
                token = customers[number % CUSTOMERS].token
                answer = await orders.CreateOrder(
                    CreateOrderRequest(
                        request_id=new_id(),
                        asset_id="DOGE",
                        side=Order.BUY,
                        type=Order.MARKET,
                        quantity="1",
                    ),
                    metadata=(("authorization", f"Bearer {token}"),),
                    timeout=10,
                )
                assert answer.state == Order.FILLED

            async def empty(_: int) -> None:
                await auth.GetJwks(GetJwksRequest(), timeout=10)

            seen: dict[str, tuple[float, float]] = {}
            await load(order, 8, 1, pids)
            print(
                "clients   orders/s   p50 ms   p99 ms   CPU ms   batch   empty/s   CPU ms   ratio"
            )
            for count in clients:
                batch_size(mesh, "ledger post", seen)
                one = await load(order, count, seconds, pids)
                size = batch_size(mesh, "ledger post", seen)
                none = await load(empty, count, seconds / 2, pids)
                print(
                    f"{count:7d} {one.rate:10.0f} {one.p50_ms:8.1f} {one.p99_ms:8.1f}"
                    f" {one.cpu_ms:8.2f} {size:7.1f} {none.rate:9.0f} {none.cpu_ms:8.2f}"
                    f" {one.cpu_ms / none.cpu_ms:7.1f}",
                    flush=True,
                )


async def funded(http: httpx.AsyncClient) -> Customer:
    """A customer with money to spend."""
    customer = await new_customer(http)
    assert (await customer.deposit("9000")).is_success
    return customer


@contextmanager
def running(name: str) -> Iterator[Mesh]:
    """A mesh on a kind of database."""
    with tempfile.TemporaryDirectory() as folder:
        mesh = Mesh(Path(folder) / "home", free_base())
        if name == "sqlite":
            mesh.up()
            try:
                yield mesh
            finally:
                mesh.down()
            return
        found = binaries()
        if found is None:
            sys.exit("PostgreSQL is not installed")
        with running_server(found) as server:
            mesh.up("--database", server.new_database())
            try:
                yield mesh
            finally:
                mesh.down()


def main() -> None:
    """Measures on each kind of database."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--seconds", type=float, default=5, help="how long each cell is measured")
    parser.add_argument("--clients", default="1,16,64,128", help="numbers of clients at once")
    parser.add_argument("--only", choices=["sqlite", "postgresql"], help="one database only")
    options = parser.parse_args()
    clients = [int(text) for text in options.clients.split(",")]
    for name in [options.only] if options.only else ["sqlite", "postgresql"]:
        print(f"\n{name}: {os.cpu_count()} cores, market buys through the edge", flush=True)
        with running(name) as mesh:
            asyncio.run(measure(mesh, clients, options.seconds))


if __name__ == "__main__":
    main()
