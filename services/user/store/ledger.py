"""The ledger's write path: a batch of groups in one transaction of constant length."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import bindparam, delete, insert, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from mesh.runtime.database import Database, sqlstate
from mesh.runtime.ids import new_id
from mesh.runtime.times import now_us
from services.user.domain.decide import Batch, Ledger, Limits, left_today
from services.user.domain.ledger import (
    Decision,
    Group,
    Intent,
    Kind,
    Outcome,
    Posting,
    Purpose,
    Transfer,
)
from services.user.store.books import BookStore, Clock
from services.user.store.tables import groups, transfers

MOST_RACES = 4
"""Most times that a batch is decided again because a hold's id was taken meanwhile."""
_TAKEN = "23505"
"""SQLSTATE of unique_violation (PostgreSQL, appendix A); SQLite has one writer, and no race."""

log = logging.getLogger(__name__)

_GROUPS = (
    select(groups)
    .where(groups.c.group_id.in_(bindparam("ids", expanding=True)))
    .order_by(groups.c.group_id)
)
_POSTINGS = (
    select(transfers)
    .where(transfers.c.group_id.in_(bindparam("ids", expanding=True)))
    .order_by(transfers.c.transfer_id)
)
_DECIDE = (
    update(groups)
    .where(groups.c.group_id == bindparam("of_group"))
    .values({name: bindparam(name) for name in ("outcome", "reason", "fingerprint")})
)
_FORGET = delete(groups).where(groups.c.group_id.in_(bindparam("ids", expanding=True)))
_POST = insert(transfers)


@dataclass(frozen=True, slots=True)
class Settled:
    """A group's decision, and its postings where the asker shows them to a customer."""

    decision: Decision
    postings: tuple[Posting, ...] = ()
    left_today: int | None = field(default=None, compare=False)
    """Cents that the group's daily limit allows after the batch; None without a limit.

    Of a group decided by this batch only.
    """


def posting_of(row: Any) -> Posting:
    """The posting in a row of `transfers`."""
    transfer = Transfer(
        debit=row.debit_owner,
        credit=row.credit_owner,
        asset_id=row.asset_id,
        amount=row.amount,
        purpose=Purpose(row.purpose),
        reference=row.reference,
        cost=row.cost,
        kind=Kind(row.kind),
        pending_id=row.pending_id or "",
    )
    return Posting(
        transfer_id=row.transfer_id,
        group_id=row.group_id,
        transfer=transfer,
        debit_seq=row.debit_seq,
        debit_balance=row.debit_balance,
        credit_seq=row.credit_seq,
        credit_balance=row.credit_balance,
        created_at=row.created_at,
    )


def _row_of(posting: Posting) -> dict[str, object]:
    transfer = posting.transfer
    return {
        "transfer_id": posting.transfer_id,
        "group_id": posting.group_id,
        "debit_owner": transfer.debit,
        "credit_owner": transfer.credit,
        "asset_id": transfer.asset_id,
        "amount": transfer.amount,
        "purpose": int(transfer.purpose),
        "reference": transfer.reference,
        "cost": transfer.cost,
        "kind": int(transfer.kind),
        "pending_id": transfer.pending_id or None,
        "debit_seq": posting.debit_seq,
        "debit_balance": posting.debit_balance,
        "credit_seq": posting.credit_seq,
        "credit_balance": posting.credit_balance,
        "created_at": posting.created_at,
    }


def _ids() -> Iterator[str]:
    while True:
        yield new_id()


class LedgerStore:
    """Decides groups against the database."""

    def __init__(self, database: Database, limits: Limits, clock: Clock | None = None) -> None:
        """Prepares statements.

        Args:
            database: the service's own.
            limits: of each customer and UTC day.
            clock: tells whose day it is; by default the database's.
        """
        self._database = database
        self._limits = limits
        self._books = BookStore(database, clock)
        self._claim_groups = database.insert(groups).on_conflict_do_nothing()
        self._lock_groups = database.locked(_GROUPS)

    async def settle(self, batch: Sequence[Group]) -> list[Settled | Exception]:
        """Decides groups in one transaction; the batcher's flush.

        A group that posts or forgets is answered with its postings, also when
        it was posted before.
        """

        async def work(connection: AsyncConnection) -> list[Settled | Exception]:
            return await self._settle(connection, batch)

        for _ in range(MOST_RACES):
            try:
                return await self._database.transact(work)
            except IntegrityError as error:
                if sqlstate(error) != _TAKEN:
                    raise
                # Another replica made a hold under one of these ids meanwhile, on an
                # account that is not locked here. Now that hold is seen, and ours refused.
                log.info("a hold's id was taken meanwhile: the batch is decided again")
        return await self._database.transact(work)

    async def _settle(
        self, connection: AsyncConnection, batch: Sequence[Group]
    ) -> list[Settled | Exception]:
        now = now_us()
        decided = await self._claim(connection, batch, now)
        fresh = [
            each for group in batch if group.group_id not in decided for each in group.transfers
        ]
        today = await self._books.today(connection, fresh)
        books = await self._books.load(connection, fresh, now, today)
        # Read again under the locks: an account's times do not go back.
        ledger = Ledger(books, self._limits, _ids(), now=now_us(), today=today)
        result = ledger.decide(batch, decided)
        await self._save(connection, batch, decided, result, now)
        shown = await self._shown(connection, batch, result)
        return [
            Settled(
                answer,
                shown.get(group.group_id, ()),
                left_today(group, books, self._limits, today),
            )
            for group, answer in zip(batch, result.answers, strict=True)
        ]

    async def _claim(
        self, connection: AsyncConnection, batch: Sequence[Group], now: int
    ) -> dict[str, Decision]:
        """Takes the groups' rows, in id order; answers those that were decided before.

        An undecided row is never committed: another replica that claims the
        same id waits for this transaction, and then finds its decision.
        """
        ids = sorted({group.group_id for group in batch})
        empty = {"outcome": 0, "reason": 0, "fingerprint": "", "created_at": now}
        await connection.execute(self._claim_groups, [{"group_id": id_, **empty} for id_ in ids])
        found = await connection.execute(self._lock_groups, {"ids": ids})
        return {
            row.group_id: Decision(row.group_id, Outcome(row.outcome), row.reason, row.fingerprint)
            for row in found
            if row.outcome != Outcome.UNDECIDED
        }

    async def _save(
        self,
        connection: AsyncConnection,
        batch: Sequence[Group],
        decided: dict[str, Decision],
        result: Batch,
        now: int,
    ) -> None:
        forgotten = {group.group_id for group in batch} - decided.keys() - result.decided.keys()
        if forgotten:
            await connection.execute(_FORGET, {"ids": sorted(forgotten)})
        if result.decided:
            await connection.execute(
                _DECIDE,
                [
                    {
                        "of_group": decision.group_id,
                        "outcome": int(decision.outcome),
                        "reason": int(decision.reason),
                        "fingerprint": decision.fingerprint,
                    }
                    for decision in result.decided.values()
                ],
            )
        if result.postings:
            await connection.execute(_POST, [_row_of(posting) for posting in result.postings])
        await self._books.save(connection, result.changed, now)

    async def _shown(
        self, connection: AsyncConnection, batch: Sequence[Group], result: Batch
    ) -> dict[str, tuple[Posting, ...]]:
        """The postings of posted groups whose asker shows them, old and new alike."""
        wanted = {
            group.group_id
            for group, answer in zip(batch, result.answers, strict=True)
            if group.intent is Intent.POST_OR_FORGET and answer.outcome is Outcome.POSTED
        }
        shown: dict[str, tuple[Posting, ...]] = {}
        fresh = [posting for posting in result.postings if posting.group_id in wanted]
        old = sorted(wanted - {posting.group_id for posting in fresh})
        if old:
            rows = await connection.execute(_POSTINGS, {"ids": old})
            fresh.extend(posting_of(row) for row in rows)
        for posting in fresh:
            shown[posting.group_id] = (*shown.get(posting.group_id, ()), posting)
        return shown
