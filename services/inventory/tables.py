"""The tables as statements see them."""

from __future__ import annotations

from dataclasses import fields

from sqlalchemy import BigInteger, Column, Integer, MetaData, String, Table

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
