"""One service's database: SQLite in WAL mode, or a schema of its own in PostgreSQL.

SQLite has one writer and many snapshot readers; PostgreSQL has a pool. Work is
given as a coroutine function, so that a transaction can be run again when the
database asks for it (serialisation failure, deadlock).
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any, TypeVar

from opentelemetry.trace import SpanKind
from sqlalchemy import Select, Table, event, text
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine
from tradewind.api.v1.reason_pb2 import Reason

from mesh.runtime.errors import UNAVAILABLE_TEXT, CallError
from mesh.runtime.statements import trace_statements
from mesh.telemetry import metrics
from mesh.telemetry.tracing import part_of_trace

Result = TypeVar("Result")
Work = Callable[[AsyncConnection], Awaitable[Result]]

MAX_ATTEMPTS = 5
POOL_SIZE = 8
_CLOCK_POSTGRESQL = text("SELECT CAST(EXTRACT(EPOCH FROM clock_timestamp()) * 1000000 AS BIGINT)")
_CLOCK_SQLITE = text(
    "SELECT CAST(ROUND((julianday('now') - 2440587.5) * 86400000) AS INTEGER) * 1000"
)
_LOST = frozenset({"08", "57", "53"})
"""SQLSTATE classes: connection exception, operator intervention, insufficient resources."""
_RUN_AGAIN = frozenset({"40001", "40P01"})
"""SQLSTATE of serialization_failure and deadlock_detected (PostgreSQL, appendix A)."""


def async_url(url: str) -> URL:
    """The URL with the asynchronous driver of its database.

    Raises:
        ValueError: the database is neither SQLite nor PostgreSQL.
    """
    parsed = make_url(url)
    match parsed.get_backend_name():
        case "sqlite":
            return parsed.set(drivername="sqlite+aiosqlite")
        case "postgresql":
            return parsed.set(drivername="postgresql+asyncpg")
        case other:
            raise ValueError(f"database must be sqlite or postgresql, not {other}")


def _prepare_sqlite(engine: AsyncEngine, begin: str) -> None:
    """Makes each connection durable and strict, and each transaction begin as told."""

    @event.listens_for(engine.sync_engine, "connect")
    def connect(connection: Any, _: object) -> None:
        # The driver must not begin transactions by itself: `begin` below does.
        connection.isolation_level = None
        cursor = connection.cursor()
        for pragma in (
            "journal_mode=WAL",
            "synchronous=FULL",
            "foreign_keys=ON",
            "busy_timeout=5000",
        ):
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()

    @event.listens_for(engine.sync_engine, "begin")
    def begin_transaction(connection: Any) -> None:
        connection.exec_driver_sql(begin)


def _sqlite_engines(url: URL) -> tuple[AsyncEngine, AsyncEngine]:
    if url.database:
        Path(url.database).parent.mkdir(parents=True, exist_ok=True)
    # `hide_parameters`: an error's text goes to logs, customers' data must not.
    writer = create_async_engine(url, pool_size=1, max_overflow=0, hide_parameters=True)
    reader = create_async_engine(url, pool_size=4, max_overflow=0, hide_parameters=True)
    _prepare_sqlite(writer, "BEGIN IMMEDIATE")
    _prepare_sqlite(reader, "BEGIN")
    return writer, reader


def _postgresql_engine(url: URL, schema: str) -> AsyncEngine:
    return create_async_engine(
        url,
        pool_size=POOL_SIZE,
        max_overflow=0,
        # A connection that the server has ended is replaced before it is used.
        pool_pre_ping=True,
        hide_parameters=True,
        connect_args={"server_settings": {"search_path": schema, "application_name": schema}},
    )


def _measure_pool(engine: AsyncEngine, database: str, name: str) -> None:
    """Gauges of a pool: how many connections are in use, how many there may be."""
    pool: Any = engine.sync_engine.pool
    used = metrics.pool_connections.labels(database, name, "used")
    used.set_function(pool.checkedout)
    metrics.pool_limit.labels(database, name).set_function(pool.size)


@contextmanager
def _loss_told() -> Iterator[None]:
    """Turns a connection that cannot be made, or was lost, into "try again".

    Whether a lost transaction was committed is not known; all work is idempotent by
    the ids it is given, so asking again is right.
    """
    try:
        yield
    except Exception as error:
        if not _is_lost(error):
            raise
        raise CallError(Reason.SERVICE_UNAVAILABLE, UNAVAILABLE_TEXT, retry_after_s=1) from error


def _is_lost(error: Exception) -> bool:
    match error:
        case DBAPIError():
            return error.connection_invalidated or sqlstate(error)[:2] in _LOST
        case OSError() | PoolTimeoutError():
            return True
        case _:
            # The driver's own, where SQLAlchemy lets it through: "connection is closed".
            return type(error).__module__.startswith("asyncpg")


class Database:
    """Opens transactions; the only place that does."""

    def __init__(self, url: str, schema: str) -> None:
        """Prepares engines; connects at first use.

        Args:
            url: `sqlite:////path` or `postgresql://user@host/name`.
            schema: the service's name, its schema in PostgreSQL.
        """
        parsed = async_url(url)
        self.is_postgresql = parsed.get_backend_name() == "postgresql"
        if self.is_postgresql:
            self._writer = self._reader = _postgresql_engine(parsed, schema)
        else:
            self._writer, self._reader = _sqlite_engines(parsed)
        system = "postgresql" if self.is_postgresql else "sqlite"
        self._attributes = {"db.system.name": system, "db.namespace": schema}
        self._run_again = metrics.transaction_retries.labels(schema)
        for name, engine in {"write": self._writer, "read": self._reader}.items():
            _measure_pool(engine, schema, name)
        # PostgreSQL has one for both: its statements are recorded once.
        for engine in {self._writer, self._reader}:
            trace_statements(engine, self._attributes)

    async def transact(self, work: Work[Result]) -> Result:
        """Runs `work` in one writing transaction; commits, or rolls back on any exception.

        On SQLite writers run one after another; on PostgreSQL at READ COMMITTED,
        and the whole of `work` is run again, a bounded number of times, when the
        database reports a deadlock or a serialisation failure.
        """
        for attempt in range(1, MAX_ATTEMPTS + 1):
            try:
                # From waiting for a connection to the end of the commit.
                with part_of_trace("transaction", SpanKind.INTERNAL, self._attributes):
                    async with self.writer() as connection:
                        return await work(connection)
            except DBAPIError as error:
                if attempt == MAX_ATTEMPTS or sqlstate(error) not in _RUN_AGAIN:
                    raise
                self._run_again.inc()
                await asyncio.sleep(0.01 * attempt)
        raise AssertionError("unreachable: the last attempt returns or raises")

    @asynccontextmanager
    async def writer(self) -> AsyncIterator[AsyncConnection]:
        """One writing transaction that is never run again; for migrations. Else use `transact`."""
        with _loss_told():
            async with self._writer.begin() as connection:
                yield connection

    @asynccontextmanager
    async def read(self) -> AsyncIterator[AsyncConnection]:
        """A connection that reads committed data."""
        with _loss_told():
            async with self._reader.connect() as connection:
                yield connection

    @asynccontextmanager
    async def snapshot(self) -> AsyncIterator[AsyncConnection]:
        """A connection that reads one snapshot of the whole database until it is left."""
        async with self.read() as connection:
            if self.is_postgresql:
                await connection.execution_options(isolation_level="REPEATABLE READ")
            yield connection

    async def ping(self) -> None:
        """Asks the database for a sign of life; raises when there is none."""
        async with self.read() as connection:
            await connection.execute(text("SELECT 1"))

    async def now(self, connection: AsyncConnection) -> int:
        """The database's own time, the same for all replicas: microseconds since 1970 UTC."""
        statement = _CLOCK_POSTGRESQL if self.is_postgresql else _CLOCK_SQLITE
        return int(await connection.scalar(statement) or 0)

    def locked(self, statement: Select[Any], *, skip_locked: bool = False) -> Select[Any]:
        """The statement with row locks where the database has them (SQLite has one writer).

        With `skip_locked`, rows that others have locked are left out.
        """
        if not self.is_postgresql:
            return statement
        return statement.with_for_update(skip_locked=skip_locked)

    def insert(self, table: Table) -> postgresql.Insert | sqlite.Insert:
        """An INSERT that knows ON CONFLICT, in the database's dialect."""
        return postgresql.insert(table) if self.is_postgresql else sqlite.insert(table)

    async def close(self) -> None:
        """Closes all connections."""
        await self._writer.dispose()
        if self._reader is not self._writer:
            await self._reader.dispose()


def sqlstate(error: DBAPIError) -> str:
    """The SQLSTATE of a database error; empty for SQLite's."""
    return str(getattr(error.orig, "sqlstate", "") or "")
