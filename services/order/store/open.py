"""Reads of the orders that rest: which the market has crossed, and whose time is over."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Select,
    String,
    bindparam,
    column,
    select,
    union_all,
    values,
)

from mesh.runtime.database import Database
from services.order.domain.order import Order, Side
from services.order.store.orders import Clock
from services.order.store.tables import OPEN, ORDER, order_of, orders

DUE = (
    select(*ORDER)
    .where(OPEN, orders.c.expire_at <= bindparam("now"))
    .order_by(orders.c.expire_at)
    .limit(bindparam("most"))
)


def crossed_by(prices: Mapping[str, int], now: int, most: int) -> Select[Any]:
    """The open orders whose limit the market has reached, the first placed first.

    One statement for all assets: each price is looked up in the index of open
    orders by asset, side and limit.
    """
    market = (
        values(column("of_asset", String), column("price", BigInteger), name="market")
        .data(sorted(prices.items()))
        .cte("market")
    )

    def side(which: Side, reached: ColumnElement[bool]) -> Select[Any]:
        return select(*ORDER).where(
            orders.c.asset_id == market.c.of_asset,
            OPEN,
            orders.c.side == int(which),
            reached,
            orders.c.retry_at <= now,
            orders.c.expire_at > now,
        )

    both = union_all(
        side(Side.BUY, orders.c.limit_units >= market.c.price),
        side(Side.SELL, orders.c.limit_units <= market.c.price),
    ).subquery()
    return select(both).order_by(both.c.order_id).limit(most)


class OpenOrders:
    """Finds open orders that something has to happen to."""

    def __init__(self, database: Database, clock: Clock | None = None) -> None:
        self._database = database
        self._now = clock or database.now

    async def crossed(self, prices: Mapping[str, int], most: int) -> tuple[list[Order], int]:
        """Orders that trade at these prices (atomic units, by asset), and the database's time."""
        async with self._database.read() as connection:
            now = await self._now(connection)
            if not prices:
                return [], now
            rows = await connection.execute(crossed_by(prices, now, most))
            return [order_of(row) for row in rows], now

    async def due(self, most: int) -> tuple[list[Order], int]:
        """Orders whose time is over, and the database's time."""
        async with self._database.read() as connection:
            now = await self._now(connection)
            rows = await connection.execute(DUE, {"now": now, "most": most})
            return [order_of(row) for row in rows], now
