"""The order service's tables; `migrations` makes them. Times are microseconds since 1970."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

from sqlalchemy import BigInteger, Boolean, Column, Integer, MetaData, String, Table, text

from services.order.domain.order import Order, Side, State, Type

metadata = MetaData()

orders = Table(
    "orders",
    metadata,
    Column("order_id", String(36), primary_key=True),
    Column("user_id", String(36)),
    Column("request_id", String(64)),
    Column("fingerprint", String(64)),
    Column("asset_id", String(10)),
    Column("side", Integer),
    Column("type", Integer),
    Column("quantity", BigInteger),
    Column("quantity_scale", Integer),
    Column("max_price", String(40)),
    Column("min_price", String(40)),
    Column("limit_price", String(40)),
    Column("limit_units", BigInteger),
    Column("hold_id", String(36)),
    Column("hold_amount", BigInteger),
    Column("expire_at", BigInteger),
    Column("state", Integer),
    Column("settled", Boolean),
    Column("attempt_id", String(36)),
    Column("attempt_until", BigInteger),
    Column("attempts", Integer),
    Column("retry_at", BigInteger),
    Column("price", String(40)),
    Column("total", BigInteger),
    Column("reason", Integer),
    Column("origin", String(64)),
    Column("revision", BigInteger),
    Column("created_at", BigInteger),
    Column("updated_at", BigInteger),
    Column("leased_until", BigInteger),
)

order_events = Table(
    "order_events",
    metadata,
    Column("order_id", String(36), primary_key=True),
    Column("revision", BigInteger, primary_key=True),
    Column("state", Integer),
    Column("reason", Integer),
    Column("trace_id", String(32)),
    Column("created_at", BigInteger),
)

FIELDS = tuple(field.name for field in fields(Order))
ORDER = tuple(orders.c[name] for name in FIELDS)
"""The columns of an `Order`."""

UNSETTLED = text("NOT settled AND state <> 4")
"""Orders on their way, in the very words of the partial index that the sweeper reads."""
OPEN = text("state = 4")
"""Orders that rest, in the very words of the partial indexes on them."""


def order_of(row: Any) -> Order:
    """The order in a row of the columns `ORDER`."""
    values = {name: getattr(row, name) for name in FIELDS}
    kinds = {"side": Side(row.side), "type": Type(row.type), "state": State(row.state)}
    return Order(**{**values, **kinds})


def row_of(order: Order) -> dict[str, object]:
    """The columns of an order."""
    values = {name: getattr(order, name) for name in FIELDS}
    kinds = {name: int(values[name]) for name in ("side", "type", "state", "reason")}
    return {**values, **kinds}


def event_of(order: Order, trace_id: str) -> dict[str, object]:
    """The event that an order came into its present state, in a trace."""
    return {
        "order_id": order.order_id,
        "revision": order.revision,
        "state": int(order.state),
        "reason": int(order.reason),
        "trace_id": trace_id,
        "created_at": order.updated_at,
    }
