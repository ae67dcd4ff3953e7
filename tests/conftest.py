"""Fixtures of all tests."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Iterator

import httpx
import pytest

from tests.support.mesh import Customer, Mesh, free_base, new_customer
from tests.support.postgres import PostgresServer, binaries, running_server


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[PostgresServer]:
    """A real PostgreSQL server; tests that need it are skipped where it is not installed."""
    found = binaries()
    if found is None:
        message = "PostgreSQL is not installed (Debian: apt-get install postgresql)"
        if os.environ.get("CI") == "true":
            pytest.fail(message)
        pytest.skip(message)
    with running_server(found) as server:
        yield server


@pytest.fixture(scope="session")
def mesh(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mesh]:
    """One mesh for all tests that need a whole one."""
    running = Mesh(tmp_path_factory.mktemp("mesh") / "home", free_base())
    running.up()
    try:
        yield running
    finally:
        running.down()


@pytest.fixture
async def client(mesh: Mesh) -> AsyncIterator[httpx.AsyncClient]:
    """Somebody outside of the mesh."""
    async with httpx.AsyncClient(base_url=mesh.url, timeout=20) as found:
        yield found


@pytest.fixture
async def customer(client: httpx.AsyncClient) -> Customer:
    """Somebody new, signed in."""
    return await new_customer(client)
