"""Stock and attempts in the database: one transaction decides a batch of operations."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import asdict, dataclass

from sqlalchemy import RowMapping, bindparam, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from mesh.runtime.database import Database
from services.inventory.domain import (
    Attempt,
    Book,
    Commit,
    Level,
    Operation,
    Quote,
    Reserve,
    Side,
    State,
)
from services.inventory.tables import assets, attempts, stock

AUDIT_PAGE = 500

_ATTEMPT = (
    attempts.c.attempt_id,
    attempts.c.asset_id,
    attempts.c.side,
    attempts.c.quantity,
    attempts.c.price,
    attempts.c.state,
    attempts.c.reason,
    attempts.c.fingerprint,
)
_ATTEMPTS = (
    select(*_ATTEMPT)
    .where(attempts.c.attempt_id.in_(bindparam("ids", expanding=True)))
    .order_by(attempts.c.attempt_id)
)
_LEVELS = (
    select(stock)
    .where(stock.c.asset_id.in_(bindparam("ids", expanding=True)))
    .order_by(stock.c.asset_id)
)
_QUOTES = select(assets.c.asset_id, assets.c.price, assets.c.price_time).where(
    assets.c.asset_id.in_(bindparam("ids", expanding=True))
)
_SET_ATTEMPT = (
    update(attempts)
    .where(attempts.c.attempt_id == bindparam("key"))
    .values({c.name: bindparam(f"new_{c.name}") for c in _ATTEMPT if c.name != "attempt_id"})
)
_SET_LEVEL = (
    update(stock)
    .where(stock.c.asset_id == bindparam("key"))
    .values(available=bindparam("new_available"), reserved=bindparam("new_reserved"))
)
_ALL_LEVELS = (
    select(stock, assets.c.quantity_scale)
    .join_from(stock, assets, assets.c.asset_id == stock.c.asset_id)
    .order_by(stock.c.asset_id)
)
_AUDIT_ATTEMPTS = (
    select(*_ATTEMPT)
    .where(attempts.c.attempt_id > bindparam("after"))
    .order_by(attempts.c.attempt_id)
    .limit(AUDIT_PAGE)
)


@dataclass(frozen=True, slots=True)
class ScaledLevel:
    """A stock level with the scale its units are in."""

    level: Level
    quantity_scale: int


def _attempt(row: RowMapping) -> Attempt:
    values = {**row, "side": Side(row["side"]), "state": State(row["state"])}
    return Attempt(**values)


def _level(row: RowMapping) -> Level:
    return Level(row["asset_id"], row["available"], row["reserved"], row["put_in"])


def _placeholder(attempt_id: str, now: int) -> dict[str, object]:
    return {**_row(Attempt(attempt_id)), "attempt_id": attempt_id, "created_at": now}


def _row(attempt: Attempt) -> dict[str, object]:
    values = asdict(attempt)
    return {**values, "side": int(attempt.side), "state": int(attempt.state)}


class StockStore:
    """Decides batches of reserve, commit and release; reads everything for an audit."""

    def __init__(self, database: Database, price_max_age: int) -> None:
        """Prepares statements; `price_max_age` is in microseconds."""
        self._database = database
        self._max_age = price_max_age
        self._claim = database.insert(attempts).on_conflict_do_nothing()
        self._locked_attempts = database.locked(_ATTEMPTS)
        self._locked_levels = database.locked(_LEVELS)

    async def apply(self, operations: Sequence[Operation]) -> list[Attempt]:
        """Decides the operations in their order, in one transaction."""

        async def work(connection: AsyncConnection) -> list[Attempt]:
            book = await self._load(connection, operations)
            attempts_before, levels_before = dict(book.attempts), dict(book.levels)
            outcomes = [book.apply(operation) for operation in operations]
            await self._save(connection, book, attempts_before, levels_before)
            return outcomes

        return await self._database.transact(work)

    async def _load(self, connection: AsyncConnection, operations: Sequence[Operation]) -> Book:
        now = await self._database.now(connection)
        # A row for each id that this batch may decide first: whoever inserts it
        # decides, another transaction with the same id waits here for the outcome.
        claimed = sorted({op.attempt_id for op in operations if not isinstance(op, Commit)})
        if claimed:
            await connection.execute(self._claim, [_placeholder(key, now) for key in claimed])
        ids = sorted({op.attempt_id for op in operations})
        rows = (await connection.execute(self._locked_attempts, {"ids": ids})).mappings()
        found = {row["attempt_id"]: _attempt(row) for row in rows}
        named = {op.asset_id for op in operations if isinstance(op, Reserve)}
        named |= {attempt.asset_id for attempt in found.values()}
        wanted = {"ids": sorted(named)}
        levels = (await connection.execute(self._locked_levels, wanted)).mappings().all()
        quotes = (await connection.execute(_QUOTES, wanted)).mappings().all()
        # Read again after the locks: a price may have been written while we waited.
        now = await self._database.now(connection)
        return Book(
            found,
            {row["asset_id"]: _level(row) for row in levels},
            {row["asset_id"]: Quote(row["price"], row["price_time"]) for row in quotes},
            now,
            self._max_age,
        )

    async def _save(
        self,
        connection: AsyncConnection,
        book: Book,
        attempts_before: dict[str, Attempt],
        levels_before: dict[str, Level],
    ) -> None:
        decided = [
            {("key" if name == "attempt_id" else f"new_{name}"): v for name, v in _row(a).items()}
            for key, a in book.attempts.items()
            if a != attempts_before.get(key)
        ]
        moved = [
            {"key": key, "new_available": level.available, "new_reserved": level.reserved}
            for key, level in book.levels.items()
            if level != levels_before[key]
        ]
        if decided:
            await connection.execute(_SET_ATTEMPT, decided)
        if moved:
            await connection.execute(_SET_LEVEL, moved)

    async def audit(self) -> AsyncIterator[list[ScaledLevel] | list[Attempt]]:
        """All levels, then all attempts by id, in lists of at most 500, from one snapshot."""
        async with self._database.snapshot() as connection:
            rows = (await connection.execute(_ALL_LEVELS)).mappings().all()
            levels = [ScaledLevel(_level(row), row["quantity_scale"]) for row in rows]
            for start in range(0, len(levels), AUDIT_PAGE):
                yield levels[start : start + AUDIT_PAGE]
            after = ""
            while True:
                page = (await connection.execute(_AUDIT_ATTEMPTS, {"after": after})).mappings()
                found = [_attempt(row) for row in page]
                if not found:
                    return
                yield found
                after = found[-1].attempt_id
