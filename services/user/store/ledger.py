"""The ledger's write path: a batch of groups in one transaction of constant length."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import bindparam, delete, insert, select, tuple_, update
from sqlalchemy.ext.asyncio import AsyncConnection

from mesh.runtime.database import Database
from mesh.runtime.ids import new_id
from mesh.runtime.times import now_us
from services.user.domain.decide import Batch, Books, Ledger, Limits, day_of
from services.user.domain.ledger import (
    Account,
    Day,
    Decision,
    Group,
    Hold,
    Intent,
    Key,
    Kind,
    Outcome,
    Posting,
    Purpose,
    Transfer,
)
from services.user.store.tables import accounts, days, groups, transfers, users

_KNOWN_USERS = select(users.c.user_id).where(
    users.c.user_id.in_(bindparam("owners", expanding=True))
)
_GROUPS = (
    select(groups)
    .where(groups.c.group_id.in_(bindparam("ids", expanding=True)))
    .order_by(groups.c.group_id)
)
_ACCOUNTS = (
    select(accounts)
    .where(tuple_(accounts.c.owner, accounts.c.asset_id).in_(bindparam("keys", expanding=True)))
    .order_by(accounts.c.owner, accounts.c.asset_id)
)
_resolutions = transfers.alias("resolutions")
_HOLDS = (
    select(transfers, _resolutions.c.transfer_id.label("resolution_id"))
    .join_from(
        transfers,
        _resolutions,
        _resolutions.c.pending_id == transfers.c.transfer_id,
        isouter=True,
    )
    .where(transfers.c.transfer_id.in_(bindparam("ids", expanding=True)))
)
_DAYS = select(days).where(
    tuple_(days.c.owner, days.c.day, days.c.purpose).in_(bindparam("keys", expanding=True))
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
_CHANGE = (
    update(accounts)
    .where(accounts.c.owner == bindparam("of_owner"), accounts.c.asset_id == bindparam("of_asset"))
    .values(
        {
            name: bindparam(name)
            for name in ("posted", "pending_out", "cost", "version", "updated_at")
        }
    )
)
_POST = insert(transfers)


@dataclass(frozen=True, slots=True)
class Settled:
    """A group's decision, and its postings where the asker shows them to a customer."""

    decision: Decision
    postings: tuple[Posting, ...] = ()


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

    def __init__(
        self, database: Database, limits: Limits, clock: Callable[[], int] = now_us
    ) -> None:
        """Prepares statements.

        Args:
            database: the service's own.
            limits: of each customer and UTC day.
            clock: microseconds since 1970.
        """
        self._database = database
        self._limits = limits
        self._clock = clock
        insert_day = database.insert(days)
        self._save_days = insert_day.on_conflict_do_update(
            index_elements=["owner", "day", "purpose"], set_={"total": insert_day.excluded.total}
        )
        self._claim_groups = database.insert(groups).on_conflict_do_nothing()
        self._open_accounts = database.insert(accounts).on_conflict_do_nothing()
        self._lock_groups = database.locked(_GROUPS)
        self._lock_accounts = database.locked(_ACCOUNTS)

    async def settle(self, batch: Sequence[Group]) -> list[Settled | Exception]:
        """Decides groups in one transaction; the batcher's flush.

        A group that posts or forgets is answered with its postings, also when
        it was posted before.
        """

        async def work(connection: AsyncConnection) -> list[Settled | Exception]:
            now = self._clock()
            decided = await self._claim(connection, batch, now)
            fresh = [
                each for group in batch if group.group_id not in decided for each in group.transfers
            ]
            books = Books(
                await self._lock(connection, fresh, now),
                await self._holds(connection, fresh),
                await self._days(connection, fresh, now),
            )
            result = Ledger(books, self._limits, _ids(), now).decide(batch, decided)
            await self._save(connection, batch, decided, result, now)
            shown = await self._shown(connection, batch, result)
            return [
                Settled(answer, shown.get(group.group_id, ()))
                for group, answer in zip(batch, result.answers, strict=True)
            ]

        return await self._database.transact(work)

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

    async def _lock(
        self,
        connection: AsyncConnection,
        fresh: Sequence[Transfer],
        now: int,
    ) -> dict[Key, Account]:
        """Opens and locks the known users' accounts that transfers touch, in key order."""
        keys = {key for transfer in fresh for key in transfer.accounts()}
        if not keys:
            return {}
        owners = sorted({key.owner for key in keys})
        known = set(await connection.scalars(_KNOWN_USERS, {"owners": owners}))
        wanted = sorted(key for key in keys if key.owner in known)
        if not wanted:
            return {}
        empty = {"posted": 0, "pending_out": 0, "cost": 0, "version": 0, "updated_at": now}
        await connection.execute(
            self._open_accounts,
            [{"owner": key.owner, "asset_id": key.asset_id, **empty} for key in wanted],
        )
        rows = await connection.execute(
            self._lock_accounts, {"keys": [tuple(key) for key in wanted]}
        )
        found = (
            Account(
                Key(row.owner, row.asset_id), row.posted, row.pending_out, row.cost, row.version
            )
            for row in rows
        )
        return {account.key: account for account in found}

    async def _holds(
        self, connection: AsyncConnection, fresh: Sequence[Transfer]
    ) -> dict[str, Hold]:
        """The holds that transfers make or resolve; their accounts are locked already."""
        ids = sorted({transfer.hold_id for transfer in fresh if transfer.hold_id})
        if not ids:
            return {}
        rows = await connection.execute(_HOLDS, {"ids": ids})
        return {
            row.transfer_id: Hold(
                row.debit_owner,
                row.credit_owner,
                row.asset_id,
                row.amount,
                resolved=row.resolution_id is not None or row.kind != Kind.PENDING,
            )
            for row in rows
        }

    async def _days(
        self, connection: AsyncConnection, fresh: Iterable[Transfer], now: int
    ) -> dict[Day, int]:
        """What customers have moved in and out today; their accounts are locked already."""
        keys = {day for transfer in fresh if (day := day_of(transfer, now)) is not None}
        if not keys:
            return {}
        rows = await connection.execute(
            _DAYS, {"keys": sorted((key.owner, key.day, int(key.purpose)) for key in keys)}
        )
        return {Day(row.owner, row.day, Purpose(row.purpose)): row.total for row in rows}

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
        if result.changed.accounts:
            await connection.execute(
                _CHANGE,
                [
                    {
                        "of_owner": key.owner,
                        "of_asset": key.asset_id,
                        "posted": account.posted,
                        "pending_out": account.pending_out,
                        "cost": account.cost,
                        "version": account.version,
                        "updated_at": now,
                    }
                    for key, account in result.changed.accounts.items()
                ],
            )

        if result.changed.days:
            await connection.execute(
                self._save_days,
                [
                    {
                        "owner": day.owner,
                        "day": day.day,
                        "purpose": int(day.purpose),
                        "total": cents,
                    }
                    for day, cents in result.changed.days.items()
                ],
            )

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
