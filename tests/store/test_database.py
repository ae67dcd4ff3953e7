"""Transactions and snapshots, on both kinds of database."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection
from tradewind.api.v1.reason_pb2 import Reason

from mesh.runtime.database import Database
from mesh.runtime.errors import CallError
from mesh.telemetry.tracing import tracer
from tests.support.ports import free_port
from tests.support.spans import RecordedSpans

COUNT = text("SELECT count(*) FROM things")
INSERT = text("INSERT INTO things (name, number) VALUES (:name, 0)")
ADD = text("UPDATE things SET number = number + 1 WHERE name = :name")


@pytest.fixture
async def things(database_url: str) -> AsyncIterator[Database]:
    """A database with one table."""
    database = Database(database_url, "public")

    async def create(connection: AsyncConnection) -> None:
        await connection.execute(
            text("CREATE TABLE things (name VARCHAR(9) PRIMARY KEY, number BIGINT)")
        )

    await database.transact(create)
    yield database
    await database.close()


async def insert(database: Database, *names: str) -> None:
    async def work(connection: AsyncConnection) -> None:
        await connection.execute(INSERT, [{"name": name} for name in names])

    await database.transact(work)


async def count(connection: AsyncConnection) -> int:
    return int(await connection.scalar(COUNT) or 0)


async def test_what_fails_leaves_nothing_behind(things: Database) -> None:
    await insert(things, "a")
    with pytest.raises(IntegrityError):
        await insert(things, "b", "a")
    async with things.read() as connection:
        assert await count(connection) == 1
    await things.ping()


async def test_a_snapshot_does_not_see_later_writes(things: Database) -> None:
    await insert(things, "a")
    async with things.snapshot() as connection:
        before = await count(connection)
        await insert(things, "b")
        assert await count(connection) == before == 1
    async with things.read() as connection:
        assert await count(connection) == 2


async def test_parallel_writers_lose_no_update(things: Database) -> None:
    await insert(things, "a")

    async def work(connection: AsyncConnection) -> None:
        await connection.execute(ADD, {"name": "a"})

    await asyncio.gather(*(things.transact(work) for _ in range(40)))
    async with things.read() as connection:
        assert await connection.scalar(text("SELECT number FROM things")) == 40


async def test_a_deadlock_is_run_again(things: Database) -> None:
    if not things.is_postgresql:
        pytest.skip("SQLite has one writer: it cannot deadlock")
    await insert(things, "a", "b")
    both_hold_one = asyncio.Barrier(2)
    attempts = 0

    async def cross(first: str, second: str) -> None:
        waited = False

        async def work(connection: AsyncConnection) -> None:
            nonlocal waited, attempts
            attempts += 1
            await connection.execute(ADD, {"name": first})
            if not waited:
                waited = True
                await both_hold_one.wait()
            await connection.execute(ADD, {"name": second})

        await things.transact(work)

    await asyncio.gather(cross("a", "b"), cross("b", "a"))
    async with things.read() as connection:
        assert await connection.scalar(text("SELECT sum(number) FROM things")) == 4
    assert attempts == 3


async def test_an_error_that_another_run_cannot_mend_is_raised_at_once(things: Database) -> None:
    runs = 0

    async def work(connection: AsyncConnection) -> None:
        nonlocal runs
        runs += 1
        await connection.execute(text("SELECT * FROM no_such_table"))

    with pytest.raises(DBAPIError):
        await things.transact(work)
    assert runs == 1


async def test_a_lost_connection_is_told_as_unavailable_and_the_next_call_works(
    database_url: str,
) -> None:
    if not database_url.startswith("postgresql"):
        pytest.skip("SQLite has no connection to lose")
    victim, killer = Database(database_url, "public"), Database(database_url, "public")
    kill = text(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
        " WHERE datname = current_database() AND pid <> pg_backend_pid()"
    )

    async def die(connection: AsyncConnection) -> None:
        async with killer.read() as other:
            await other.execute(kill)
        await connection.execute(text("SELECT 1"))

    await victim.ping()
    with pytest.raises(CallError) as refused:
        await victim.transact(die)
    assert refused.value.reason == Reason.SERVICE_UNAVAILABLE
    await victim.ping()
    async with killer.read() as other:
        await other.execute(kill)
    await victim.ping()
    await victim.close()
    await killer.close()


async def test_a_server_that_is_not_there_is_told_as_unavailable() -> None:
    database = Database(f"postgresql://nobody@127.0.0.1:{free_port()}/none", "public")
    with pytest.raises(CallError) as refused:
        await database.ping()
    assert refused.value.reason == Reason.SERVICE_UNAVAILABLE
    await database.close()


async def test_a_statement_is_one_span(database_url: str, caplog: pytest.LogCaptureFixture) -> None:
    database = Database(database_url, "public")
    spans = RecordedSpans()
    with tracer.start_as_current_span("caller"):
        await database.ping()
        async with database.snapshot() as connection:
            await connection.execute(text("SELECT 1"))
    assert len(spans.named("SELECT")) == 2
    assert not [record for record in caplog.records if "span" in record.getMessage()]
    await database.close()
