"""Reads of orders for their customers and for auditors."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Select, bindparam, func, select
from tradewind.api.v1.reason_pb2 import Reason

from mesh.runtime.database import Database
from services.order.domain.order import Order, Side, State
from services.order.store.tables import ORDER, UNSETTLED, order_events, order_of, orders

PART = 500
MAX_EVENTS = 100
"""Most changes of state that are shown of an order, the newest."""

_ONE = select(*ORDER).where(orders.c.order_id == bindparam("order_id"))
_BY_REQUEST = select(*ORDER).where(
    orders.c.user_id == bindparam("user_id"), orders.c.request_id == bindparam("request_id")
)
_EVENTS = (
    select(order_events)
    .where(order_events.c.order_id == bindparam("order_id"))
    .order_by(order_events.c.revision.desc())
    .limit(MAX_EVENTS)
)
_UNSETTLED = select(func.count()).select_from(orders).where(UNSETTLED)
_ALL = select(*ORDER).order_by(orders.c.order_id)


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which orders: `since` <= time < `until` (microseconds), id below `before`, and filters."""

    since: int
    until: int
    before: str
    states: tuple[State, ...] = ()
    asset_id: str = ""
    side: Side | None = None


@dataclass(frozen=True, slots=True)
class Event:
    """A change of an order's state, and the trace it happened in."""

    state: State
    reason: Reason
    trace_id: str
    created_at: int


def page_of(user_id: str, wanted: Wanted, most: int) -> Select[Any]:
    """The statement of a page; its shape depends on which filters there are."""
    statement = select(*ORDER).where(
        orders.c.user_id == user_id,
        orders.c.order_id < wanted.before,
        orders.c.created_at >= wanted.since,
        orders.c.created_at < wanted.until,
    )
    if wanted.states:
        statement = statement.where(orders.c.state.in_([int(each) for each in wanted.states]))
    if wanted.asset_id:
        statement = statement.where(orders.c.asset_id == wanted.asset_id)
    if wanted.side is not None:
        statement = statement.where(orders.c.side == int(wanted.side))
    return statement.order_by(orders.c.order_id.desc()).limit(most)


class OrderReads:
    """Reads orders."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def one(self, order_id: str) -> Order | None:
        """An order, or None."""
        return await self._first(_ONE, {"order_id": order_id})

    async def by_request(self, user_id: str, request_id: str) -> Order | None:
        """The order of a customer's request id, or None."""
        return await self._first(_BY_REQUEST, {"user_id": user_id, "request_id": request_id})

    async def _first(self, statement: Select[Any], values: dict[str, str]) -> Order | None:
        async with self._database.read() as connection:
            row = (await connection.execute(statement, values)).first()
        return None if row is None else order_of(row)

    async def events(self, order_id: str) -> list[Event]:
        """How an order came to its state, oldest first."""
        async with self._database.read() as connection:
            rows = list(await connection.execute(_EVENTS, {"order_id": order_id}))
        return [
            Event(State(row.state), row.reason, row.trace_id, row.created_at)
            for row in reversed(rows)
        ]

    async def page(self, user_id: str, wanted: Wanted, most: int) -> list[Order]:
        """A customer's orders, newest first, at most `most`."""
        async with self._database.read() as connection:
            rows = await connection.execute(page_of(user_id, wanted, most))
            return [order_of(row) for row in rows]

    async def unsettled(self) -> int:
        """How many orders are on their way."""
        async with self._database.read() as connection:
            return int(await connection.scalar(_UNSETTLED) or 0)

    async def parts(self) -> AsyncGenerator[tuple[int, Sequence[Order]], None]:
        """All orders by id from one snapshot, at most 500 at a time, with the database's time."""
        async with self._database.snapshot() as connection:
            now = await self._database.now(connection)
            async with connection.stream(_ALL) as rows:
                async for part in rows.partitions(PART):
                    yield now, [order_of(row) for row in part]
