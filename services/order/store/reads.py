"""Reads of orders: one, a customer's page, all of them."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass

from sqlalchemy import bindparam, func, select

from mesh.runtime.database import Database
from services.order.domain import Order
from services.order.store.tables import ORDER, UNSETTLED, order_of, orders

PART = 500

_ONE = select(*ORDER).where(orders.c.order_id == bindparam("order_id"))
_PAGE = (
    select(*ORDER)
    .where(
        orders.c.user_id == bindparam("user_id"),
        orders.c.order_id < bindparam("before"),
        orders.c.created_at >= bindparam("since"),
        orders.c.created_at < bindparam("until"),
    )
    .order_by(orders.c.order_id.desc())
    .limit(bindparam("most"))
)
_UNSETTLED = select(func.count()).select_from(orders).where(UNSETTLED)
_ALL = select(*ORDER).order_by(orders.c.order_id)


@dataclass(frozen=True, slots=True)
class Span:
    """Which orders: `since` <= time < `until` (microseconds), and id below `before`."""

    since: int
    until: int
    before: str


class OrderReads:
    """Reads orders."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def one(self, order_id: str) -> Order | None:
        """An order, or None."""
        async with self._database.read() as connection:
            row = (await connection.execute(_ONE, {"order_id": order_id})).first()
        return None if row is None else order_of(row)

    async def page(self, user_id: str, span: Span, most: int) -> list[Order]:
        """A customer's orders, newest first, at most `most`."""
        values = {
            "user_id": user_id,
            "before": span.before,
            "since": span.since,
            "until": span.until,
            "most": most,
        }
        async with self._database.read() as connection:
            return [order_of(row) for row in await connection.execute(_PAGE, values)]

    async def unsettled(self) -> int:
        """How many orders are not settled."""
        async with self._database.read() as connection:
            return int(await connection.scalar(_UNSETTLED) or 0)

    async def parts(self) -> AsyncGenerator[tuple[int, Sequence[Order]], None]:
        """All orders by id from one snapshot, at most 500 at a time, with the database's time."""
        async with self._database.snapshot() as connection:
            now = await self._database.now(connection)
            async with connection.stream(_ALL) as rows:
                async for part in rows.partitions(PART):
                    yield now, [order_of(row) for row in part]
