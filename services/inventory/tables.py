"""The tables as statements see them, and the database's own clock."""

from __future__ import annotations

from dataclasses import fields

from sqlalchemy import BigInteger, Column, Integer, MetaData, String, Table, text
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection

from mesh.runtime.database import Database
from services.inventory.assets import Asset

metadata = MetaData()
_INTEGERS = ("rank", "price_scale", "quantity_scale")


def _asset_column(name: str) -> Column[object]:
    if name.endswith("_time"):
        return Column(name, BigInteger)
    if name in _INTEGERS:
        return Column(name, Integer)
    return Column(name, String, primary_key=name == "asset_id")


assets = Table("assets", metadata, *(_asset_column(field.name) for field in fields(Asset)))
stock = Table(
    "stock",
    metadata,
    Column("asset_id", String, primary_key=True),
    Column("available", BigInteger),
    Column("reserved", BigInteger),
    Column("put_in", BigInteger),
)
attempts = Table(
    "attempts",
    metadata,
    Column("attempt_id", String, primary_key=True),
    Column("asset_id", String),
    Column("side", Integer),
    Column("quantity", BigInteger),
    Column("price", String),
    Column("state", Integer),
    Column("reason", Integer),
    Column("fingerprint", String),
    Column("created_at", BigInteger),
)
leases = Table(
    "leases",
    metadata,
    Column("name", String, primary_key=True),
    Column("owner", String),
    Column("until", BigInteger),
)

_CLOCK_POSTGRESQL = text("SELECT CAST(EXTRACT(EPOCH FROM clock_timestamp()) * 1000000 AS BIGINT)")
_CLOCK_SQLITE = text(
    "SELECT CAST(ROUND((julianday('now') - 2440587.5) * 86400000) AS INTEGER) * 1000"
)


async def clock(database: Database, connection: AsyncConnection) -> int:
    """The database's time in microseconds since 1970 UTC, the same for all replicas."""
    statement = _CLOCK_POSTGRESQL if database.is_postgresql else _CLOCK_SQLITE
    return int(await connection.scalar(statement) or 0)


def insert(database: Database, table: Table) -> postgresql.Insert | sqlite.Insert:
    """An INSERT that knows ON CONFLICT, in the database's dialect."""
    return postgresql.insert(table) if database.is_postgresql else sqlite.insert(table)
