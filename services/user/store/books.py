"""The rows that decisions are made on: locked, read, and written back, all of a batch at once."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence

from sqlalchemy import bindparam, select, tuple_, update
from sqlalchemy.ext.asyncio import AsyncConnection

from mesh.runtime.database import Database
from services.user.domain.decide import Books, day_of
from services.user.domain.ledger import Account, Day, Hold, Key, Kind, Purpose, Transfer
from services.user.store.tables import accounts, days, transfers, users

Clock = Callable[[AsyncConnection], Awaitable[int]]
"""Tells microseconds since 1970, in a transaction."""

DAY = 86_400_000_000
"""Microseconds."""

_KNOWN_USERS = select(users.c.user_id).where(
    users.c.user_id.in_(bindparam("owners", expanding=True))
)
# The owners beside the whole keys: by several keys alone SQLite reads the table whole.
_ACCOUNTS = (
    select(accounts)
    .where(
        accounts.c.owner.in_(bindparam("owners", expanding=True)),
        tuple_(accounts.c.owner, accounts.c.asset_id).in_(bindparam("keys", expanding=True)),
    )
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
    days.c.owner.in_(bindparam("owners", expanding=True)),
    tuple_(days.c.owner, days.c.day, days.c.purpose).in_(bindparam("keys", expanding=True)),
)
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


class BookStore:
    """Reads and writes `Books` inside a transaction of its caller's."""

    def __init__(self, database: Database, clock: Clock | None) -> None:
        """Prepares statements.

        Args:
            database: the service's own.
            clock: tells whose day it is; by default the database's, the same for
                all replicas.
        """
        self._clock = clock or database.now
        insert_day = database.insert(days)
        self._save_days = insert_day.on_conflict_do_update(
            index_elements=["owner", "day", "purpose"], set_={"total": insert_day.excluded.total}
        )
        self._open_accounts = database.insert(accounts).on_conflict_do_nothing()
        self._lock_accounts = database.locked(_ACCOUNTS)

    async def today(self, connection: AsyncConnection, fresh: Sequence[Transfer]) -> int:
        """Days since 1970 where a transfer has a daily limit; else 0, and no statement."""
        if all(day_of(transfer, 0) is None for transfer in fresh):
            return 0
        return await self._clock(connection) // DAY

    async def load(
        self, connection: AsyncConnection, fresh: Sequence[Transfer], now: int, today: int
    ) -> Books:
        """What transfers touch. Locks the accounts first: holds and days go by their locks."""
        return Books(
            await self._lock(connection, fresh, now),
            await self._holds(connection, fresh),
            await self._days(connection, fresh, today),
        )

    async def save(self, connection: AsyncConnection, changed: Books, now: int) -> None:
        """Writes what has changed; holds are transfers, and written as such."""
        if changed.accounts:
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
                    for key, account in changed.accounts.items()
                ],
            )
        if changed.days:
            await connection.execute(
                self._save_days,
                [
                    {
                        "owner": day.owner,
                        "day": day.day,
                        "purpose": int(day.purpose),
                        "total": cents,
                    }
                    for day, cents in changed.days.items()
                ],
            )

    async def _lock(
        self, connection: AsyncConnection, fresh: Sequence[Transfer], now: int
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
            self._lock_accounts,
            {"owners": sorted(known), "keys": [tuple(key) for key in wanted]},
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
        """The holds that transfers make or resolve."""
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
        self, connection: AsyncConnection, fresh: Sequence[Transfer], today: int
    ) -> dict[Day, int]:
        """What customers have moved in and out today."""
        keys = {day for transfer in fresh if (day := day_of(transfer, today)) is not None}
        if not keys:
            return {}
        rows = await connection.execute(
            _DAYS,
            {
                "owners": sorted({key.owner for key in keys}),
                "keys": sorted((key.owner, key.day, int(key.purpose)) for key in keys),
            },
        )
        return {Day(row.owner, row.day, Purpose(row.purpose)): row.total for row in rows}
