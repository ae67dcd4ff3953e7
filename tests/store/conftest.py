"""Databases of both kinds, migrated as the services migrate them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest

from mesh.runtime.database import Database
from mesh.runtime.migrate import migrate
from tests.support.postgres import PostgresServer
from tests.support.trading import Trading

ROOT = Path(__file__).resolve().parents[2]

OpenDatabase = Callable[[str], Awaitable[Database]]


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """An empty database of each kind."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'test.db'}"
    server: PostgresServer = request.getfixturevalue("postgres_server")
    return server.new_database()


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[OpenDatabase]:
    """Opens a service's database, migrated to its newest schema."""
    opened: list[Database] = []

    async def open_database(service: str) -> Database:
        await migrate(database_url, service, ROOT / "services" / service / "migrations")
        opened.append(Database(database_url, service))
        return opened[-1]

    yield open_database
    for found in opened:
        await found.close()


@pytest.fixture
async def trading(database: OpenDatabase) -> Trading:
    """Orders on a database of each kind."""
    return Trading(await database("order"))
