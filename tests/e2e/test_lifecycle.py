"""A mesh from its first start to its last, as whoever runs one sees it."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from pathlib import Path

import httpx

from tests.support.eventually import eventually
from tests.support.mesh import Customer, Mesh, free_base, new_customer
from tests.support.postgres import PostgresServer


def processes_of(home: Path) -> list[str]:
    """The command lines of all processes that name a home, or that were given one."""
    found = []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            told = (entry / "cmdline").read_bytes() + (entry / "environ").read_bytes()
        except OSError:
            continue  # It has ended meanwhile, or is somebody else's.
        if os.fsencode(home) in told:
            found.append((entry / "cmdline").read_text().replace("\0", " "))
    return found


async def test_a_mesh_in_the_foreground_stops_clean_and_keeps_its_data(
    mesh: Mesh, tmp_path: Path
) -> None:
    own = Mesh(tmp_path / "own", free_base())
    command = [sys.executable, "-m", "mesh.cli.main", "up", "--home", str(own.home)]
    process = await asyncio.create_subprocess_exec(
        *command, "--port-base", str(own.base), stdout=subprocess.PIPE, start_new_session=True
    )
    try:
        async with httpx.AsyncClient(base_url=own.url, timeout=20) as client:

            async def is_ready() -> bool:
                return bool((await asyncio.to_thread(own.status))["ready"])

            await eventually(is_ready, within_s=60)
            customer = await new_customer(client)
            await customer.deposit("1000", "first-deposit")
            order = await customer.order("BUY", "0.001", requestId="first-order")
            assert order.json()["state"] == "FILLED"
        assert (await asyncio.to_thread(mesh.status))["ready"]
        os.killpg(process.pid, signal.SIGINT)
        out, _ = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
    assert process.returncode == 0
    assert own.url in out.decode()
    assert not processes_of(own.home)

    await asyncio.to_thread(own.up)
    try:
        async with httpx.AsyncClient(base_url=own.url, timeout=20) as client:
            customer.client = client
            # Tokens and answers are those of the mesh's life before.
            again = await customer.order("BUY", "0.001", requestId="first-order")
            assert again.json() == order.json()
            assert len((await customer.get("/api/v1/orders"))["orders"]) == 1
            assert (await customer.deposit("1000", "first-deposit")).status_code == 200
            spent = order.json()["total"]
            balance = await customer.get("/api/v1/balance")
            assert float(balance["available"]) + float(spent) == 1000
        await asyncio.to_thread(own.audit)
    finally:
        await asyncio.to_thread(own.down)
    assert not processes_of(own.home)


async def test_a_mesh_on_postgresql_trades_and_keeps_its_books(
    postgres_server: PostgresServer, tmp_path: Path
) -> None:
    own = Mesh(tmp_path / "own", free_base())
    url = postgres_server.new_database()
    await asyncio.to_thread(own.up, "--database", url)
    try:
        async with httpx.AsyncClient(base_url=own.url, timeout=20) as client:
            traders = await asyncio.gather(*(new_customer(client) for _ in range(4)))
            totals = await asyncio.gather(*(_trade(each) for each in traders))
        assert all(0 < total < 5000 for total in totals)
        await asyncio.to_thread(own.audit)
        kept = {path.name.partition(".")[0] for path in (own.home / "data").iterdir()}
        assert kept <= {"traces"}
    finally:
        await asyncio.to_thread(own.down)


async def _trade(customer: Customer) -> float:
    await customer.deposit("9000")
    replies = await asyncio.gather(*(customer.order("BUY", "0.0005") for _ in range(25)))
    assert {reply.status_code for reply in replies} == {200}, replies[0].text
    assert len({reply.json()["orderId"] for reply in replies}) == 25
    return sum(float(reply.json()["total"]) for reply in replies)


async def test_a_demonstration_day_ends_with_clean_books(mesh: Mesh) -> None:
    done = await asyncio.to_thread(mesh.command, "demo", "--customers", "10", "--orders", "60")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "10 customers, 60 orders" in done.stdout
    assert "FILLED" in done.stdout
    assert "trading: 60 of 60" in done.stderr
    assert done.stdout.rstrip().endswith("clean")


async def test_a_demonstration_needs_a_mesh_and_says_so(tmp_path: Path) -> None:
    done = await asyncio.to_thread(Mesh(tmp_path / "none", free_base()).command, "demo")
    assert done.returncode == 2
    assert "no ready mesh" in done.stderr


async def test_replicas_need_a_database_that_takes_them(tmp_path: Path) -> None:
    own = Mesh(tmp_path / "own", free_base())
    done = await asyncio.to_thread(own.command, "up", "--detach", "--replicas", "2")
    assert done.returncode == 2
    assert "--replicas needs --database" in done.stderr
