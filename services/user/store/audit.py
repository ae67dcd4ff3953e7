"""Everything, from one snapshot, a part at a time."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from typing import Any

from sqlalchemy import case, select

from mesh.runtime.database import Database
from services.user.domain.ledger import Kind
from services.user.store.tables import accounts, groups, transfers, users

PART = 500

# The customer's side, so that an account's transfers come in its sequence.
_paying = transfers.c.debit_seq > 0
_resolutions = transfers.alias("resolutions")
_TABLES = {
    "users": select(users.c.user_id).order_by(users.c.user_id),
    "accounts": select(accounts).order_by(accounts.c.owner, accounts.c.asset_id),
    "groups": select(groups.c.group_id, groups.c.outcome).order_by(groups.c.group_id),
    "transfers": select(transfers)
    .where(transfers.c.kind.in_([int(Kind.POSTED), int(Kind.POST)]))
    .order_by(
        case((_paying, transfers.c.debit_owner), else_=transfers.c.credit_owner),
        transfers.c.asset_id,
        case((_paying, transfers.c.debit_seq), else_=transfers.c.credit_seq),
    ),
    "holds": select(
        transfers,
        _resolutions.c.group_id.label("resolved_by"),
        _resolutions.c.kind.label("resolution"),
        _resolutions.c.amount.label("posted"),
    )
    .join_from(
        transfers,
        _resolutions,
        _resolutions.c.pending_id == transfers.c.transfer_id,
        isouter=True,
    )
    .where(transfers.c.kind == int(Kind.PENDING))
    .order_by(transfers.c.transfer_id),
}


class AuditStore:
    """Streams the tables."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def parts(self) -> AsyncGenerator[tuple[str, Sequence[Any]], None]:
        """Tables' names with at most 500 of their rows, in the order of `_TABLES`."""
        async with self._database.snapshot() as connection:
            for name, statement in _TABLES.items():
                async with connection.stream(statement) as rows:
                    async for part in rows.partitions(PART):
                        yield name, part
