"""The write path of orders: batches in transactions of constant length."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace

from sqlalchemy import bindparam, insert, select, tuple_, update
from sqlalchemy.ext.asyncio import AsyncConnection

from mesh.runtime.database import Database
from mesh.runtime.times import MICROSECONDS
from mesh.telemetry.tracing import trace_id_of
from services.order.domain.order import FINAL, Order
from services.order.domain.transitions import Decision, decided
from services.order.store.tables import (
    ORDER,
    UNSETTLED,
    event_of,
    order_events,
    order_of,
    orders,
    row_of,
)

_BY_REQUEST = select(*ORDER).where(
    tuple_(orders.c.user_id, orders.c.request_id).in_(bindparam("keys", expanding=True))
)
_BY_ID = (
    select(*ORDER)
    .where(orders.c.order_id.in_(bindparam("ids", expanding=True)))
    .order_by(orders.c.order_id)
)
_DECIDED = (
    "state",
    "attempt_id",
    "attempt_until",
    "attempts",
    "retry_at",
    "price",
    "total",
    "reason",
    "revision",
    "updated_at",
)
_ADD_EVENTS = insert(order_events)
_DECIDE = (
    update(orders)
    .where(orders.c.order_id == bindparam("key"), orders.c.revision == bindparam("read_revision"))
    .values(
        {name: bindparam(f"new_{name}") for name in _DECIDED}
        # Whoever decides goes on from there.
        | {"leased_until": bindparam("lease")}
    )
)
_SETTLE = (
    update(orders)
    .where(
        orders.c.order_id.in_(bindparam("ids", expanding=True)),
        orders.c.state.in_(sorted(int(state) for state in FINAL)),
    )
    .values(settled=True)
)
FREE = (
    select(*ORDER)
    .where(UNSETTLED, orders.c.leased_until <= bindparam("now"))
    .order_by(orders.c.leased_until)
    .limit(bindparam("most"))
)
_LEASE = (
    update(orders)
    .where(orders.c.order_id.in_(bindparam("ids", expanding=True)))
    .values(leased_until=bindparam("until"))
)


Clock = Callable[[AsyncConnection], Awaitable[int]]


@dataclass(frozen=True, slots=True)
class Verdict:
    """A decision on an order's attempt, and the trace it was made in."""

    order: Order
    decision: Decision
    trace_id: str


@dataclass(frozen=True, slots=True)
class Claim:
    """Orders that a sweeper has to itself for a while, and the database's time."""

    orders: tuple[Order, ...]
    now: int


class OrderStore:
    """Writes orders."""

    def __init__(
        self,
        database: Database,
        *,
        attempt_s: float,
        lease_s: float,
        clock: Clock | None = None,
    ) -> None:
        """Prepares statements.

        Args:
            database: the service's own.
            attempt_s: how long an attempt goes forward.
            lease_s: how long a driver has an order to itself.
            clock: tells microseconds since 1970; the database's own unless a test has another.
        """
        self._database = database
        self._now = clock or database.now
        self._attempt = int(attempt_s * MICROSECONDS)
        self._lease = int(lease_s * MICROSECONDS)
        self._add = database.insert(orders).on_conflict_do_nothing(
            index_elements=["user_id", "request_id"]
        )
        self._lock = database.locked(_BY_ID)
        self._free = database.locked(FREE, skip_locked=True)

    async def create(self, batch: Sequence[Order]) -> list[Order]:
        """Stores new orders; answers for each the one order of its customer and request id."""

        async def work(connection: AsyncConnection) -> list[Order]:
            now = await self._now(connection)
            times = {"created_at": now, "updated_at": now, "attempt_until": now + self._attempt}
            # In the order of the unique index, so that replicas cannot deadlock on it.
            lined_up = sorted(batch, key=_request_of)
            lease = {"leased_until": now + self._lease}
            await connection.execute(self._add, [row_of(o) | times | lease for o in lined_up])
            keys = list(dict.fromkeys(map(_request_of, lined_up)))
            stored = await connection.execute(_BY_REQUEST, {"keys": keys})
            found = {_request_of(order): order for order in map(order_of, stored)}
            mine = {order.order_id for order in batch}
            added = [order for order in found.values() if order.order_id in mine]
            if added:
                events = [event_of(order, trace_id_of(order.origin)) for order in added]
                await connection.execute(_ADD_EVENTS, events)
            return [found[_request_of(order)] for order in batch]

        return await self._database.transact(work)

    async def decide(self, batch: Sequence[Verdict]) -> list[Order]:
        """Takes orders from state to state, where they still can; answers them as they are then."""

        async def work(connection: AsyncConnection) -> list[Order]:
            ids = sorted({verdict.order.order_id for verdict in batch})
            rows = await connection.execute(self._lock, {"ids": ids})
            book = {order.order_id: order for order in map(order_of, rows)}
            now = await self._now(connection)
            changes: list[dict[str, object]] = []
            events: list[dict[str, object]] = []
            for verdict in batch:
                before = book[verdict.order.order_id]
                after = decided(before, verdict.order.attempt_id, verdict.decision, now)
                if after is None:
                    continue
                book[after.order_id] = after
                changes.append(_change(before, after) | {"lease": now + self._lease})
                events.append(event_of(after, verdict.trace_id))
            if changes:
                await connection.execute(_DECIDE, changes)
                await connection.execute(_ADD_EVENTS, events)
            return [book[verdict.order.order_id] for verdict in batch]

        return await self._database.transact(work)

    async def settle(self, batch: Sequence[Order]) -> list[Order]:
        """Marks decided orders as settled: nothing is left to do for them."""
        ids = sorted({order.order_id for order in batch})

        async def work(connection: AsyncConnection) -> None:
            await connection.execute(_SETTLE, {"ids": ids})

        await self._database.transact(work)
        return [replace(order, settled=True) for order in batch]

    async def claim(self, most: int) -> Claim:
        """Leases unsettled orders whose driver has gone, the longest forgotten first."""

        async def work(connection: AsyncConnection) -> Claim:
            now = await self._now(connection)
            rows = await connection.execute(self._free, {"now": now, "most": most})
            found = tuple(map(order_of, rows))
            if found:
                ids = sorted(order.order_id for order in found)
                await connection.execute(_LEASE, {"ids": ids, "until": now + self._lease})
            return Claim(found, now)

        return await self._database.transact(work)


def _request_of(order: Order) -> tuple[str, str]:
    return order.user_id, order.request_id


def _change(before: Order, after: Order) -> dict[str, object]:
    values = row_of(after)
    read = {"key": before.order_id, "read_revision": before.revision}
    return read | {f"new_{name}": values[name] for name in _DECIDED}
