"""Reads of what a customer owns, and of the movements that made it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Select, bindparam, literal, select, union_all

from mesh.runtime.database import Database
from services.user.domain.ledger import USD, Account, Key, Purpose
from services.user.store.tables import accounts, transfers

_ONE = select(accounts).where(
    accounts.c.owner == bindparam("owner"), accounts.c.asset_id == bindparam("asset_id")
)
_ALL = select(accounts).where(accounts.c.owner == bindparam("owner")).order_by(accounts.c.asset_id)
_HOLDINGS = (
    select(accounts)
    .where(
        accounts.c.owner == bindparam("owner"),
        accounts.c.asset_id > bindparam("after"),
        accounts.c.asset_id != USD,
        accounts.c.posted > 0,
    )
    .order_by(accounts.c.asset_id)
    .limit(bindparam("most"))
)


def _side(owner: Any, seq: Any, balance: Any, sign: int) -> Select[Any]:
    """One side's newest movements, straight from that side's index."""
    side = (
        select(
            transfers.c.transfer_id,
            transfers.c.purpose,
            transfers.c.reference,
            transfers.c.created_at,
            (transfers.c.amount * literal(sign)).label("amount"),
            seq.label("seq"),
            balance.label("balance"),
        )
        .where(
            owner == bindparam("owner"),
            transfers.c.asset_id == bindparam("asset_id"),
            seq < bindparam("before"),
            # 0 where no balance moved: holds, and their voids.
            seq > 0,
            transfers.c.created_at >= bindparam("since"),
            transfers.c.created_at < bindparam("until"),
        )
        .order_by(seq.desc())
        .limit(bindparam("most"))
        .subquery()
    )
    return select(side)


_sides = union_all(
    _side(transfers.c.debit_owner, transfers.c.debit_seq, transfers.c.debit_balance, -1),
    _side(transfers.c.credit_owner, transfers.c.credit_seq, transfers.c.credit_balance, 1),
).subquery()
_MOVEMENTS = select(_sides).order_by(_sides.c.seq.desc()).limit(bindparam("most"))


@dataclass(frozen=True, slots=True)
class Owned:
    """An account and when it changed last (microseconds since 1970)."""

    account: Account
    updated_at: int


@dataclass(frozen=True, slots=True)
class Movement:
    """One transfer seen from one account: signed units, and the balance just after."""

    transfer_id: str
    purpose: Purpose
    reference: str
    amount: int
    seq: int
    balance: int
    created_at: int


@dataclass(frozen=True, slots=True)
class Span:
    """Which movements: `since` <= time < `until` (microseconds), and seq below `before`."""

    since: int
    until: int
    before: int


def _owned(row: Any) -> Owned:
    key = Key(row.owner, row.asset_id)
    return Owned(Account(key, row.posted, row.pending_out, row.cost, row.version), row.updated_at)


class AccountStore:
    """Reads accounts and movements."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def one(self, owner: str, asset_id: str) -> Owned | None:
        """One account, or None where none was opened."""
        async with self._database.read() as connection:
            rows = await connection.execute(_ONE, {"owner": owner, "asset_id": asset_id})
            row = rows.first()
        return None if row is None else _owned(row)

    async def all_of(self, owner: str) -> list[Owned]:
        """All accounts of a customer, of one moment, by asset id."""
        async with self._database.snapshot() as connection:
            rows = await connection.execute(_ALL, {"owner": owner})
            return [_owned(row) for row in rows]

    async def holdings(self, owner: str, after: str, most: int) -> list[Owned]:
        """The assets a customer holds, by asset id, from beyond `after`; no cash, no zeros."""
        values = {"owner": owner, "after": after, "most": most}
        async with self._database.read() as connection:
            return [_owned(row) for row in await connection.execute(_HOLDINGS, values)]

    async def movements(self, key: Key, span: Span, most: int) -> Sequence[Movement]:
        """An account's movements, newest first, at most `most`."""
        values = {
            "owner": key.owner,
            "asset_id": key.asset_id,
            "since": span.since,
            "until": span.until,
            "before": span.before,
            "most": most,
        }
        async with self._database.read() as connection:
            rows = await connection.execute(_MOVEMENTS, values)
            return [
                Movement(
                    transfer_id=row.transfer_id,
                    purpose=Purpose(row.purpose),
                    reference=row.reference,
                    amount=row.amount,
                    seq=row.seq,
                    balance=row.balance,
                    created_at=row.created_at,
                )
                for row in rows
            ]
