"""Everything an auditor may read, in parts."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import aclosing
from typing import Any

from tradewind.user.v1.audit_pb2 import (
    AccountRecord,
    AuditRequest,
    AuditResponse,
    GroupRecord,
    HoldRecord,
    TransferRecord,
)
from tradewind.user.v1.audit_pb2_grpc import AuditServiceServicer
from tradewind.user.v1.ledger_pb2 import AccountKey, Transfer

from services.user.domain.ledger import Kind
from services.user.store.audit import AuditStore


def _transfer(row: Any) -> TransferRecord:
    return TransferRecord(
        transfer_id=row.transfer_id,
        group_id=row.group_id,
        transfer=Transfer(
            debit=AccountKey(owner=row.debit_owner, asset_id=row.asset_id),
            credit=AccountKey(owner=row.credit_owner, asset_id=row.asset_id),
            amount=row.amount,
            purpose=row.purpose,
            reference=row.reference,
            cost=row.cost,
            kind=row.kind,
            pending_id=row.pending_id or "",
        ),
        debit_seq=row.debit_seq,
        debit_balance=row.debit_balance,
        credit_seq=row.credit_seq,
        credit_balance=row.credit_balance,
    )


def _account(row: Any) -> AccountRecord:
    return AccountRecord(
        key=AccountKey(owner=row.owner, asset_id=row.asset_id),
        posted=row.posted,
        pending_out=row.pending_out,
        version=row.version,
        cost=row.cost,
    )


def _hold(row: Any) -> HoldRecord:
    posted = row.posted if row.resolution == Kind.POST else 0
    return HoldRecord(
        hold_id=row.transfer_id,
        group_id=row.group_id,
        key=AccountKey(owner=row.debit_owner, asset_id=row.asset_id),
        amount=row.amount,
        reference=row.reference,
        resolution=Transfer.Kind.Name(row.resolution or 0),
        resolved_by=row.resolved_by or "",
        posted=posted,
    )


def _message(table: str, rows: Sequence[Any]) -> AuditResponse:
    match table:
        case "users":
            return AuditResponse(user_ids=[row.user_id for row in rows])
        case "accounts":
            return AuditResponse(accounts=[_account(row) for row in rows])
        case "groups":
            return AuditResponse(
                groups=[GroupRecord(group_id=row.group_id, outcome=row.outcome) for row in rows]
            )
        case "transfers":
            return AuditResponse(transfers=[_transfer(row) for row in rows])
        case "holds":
            return AuditResponse(holds=[_hold(row) for row in rows])
        case other:
            raise ValueError(f"no table {other} is audited")


class AuditService(AuditServiceServicer):
    """Handlers of `AuditService`."""

    def __init__(self, store: AuditStore) -> None:
        self._store = store

    async def Audit(self, request: AuditRequest, _: object) -> AsyncIterator[AuditResponse]:
        """Users, accounts, groups, transfers, holds, of one snapshot."""
        # Closed here, not by the collector: the snapshot holds a connection.
        async with aclosing(self._store.parts()) as parts:
            async for table, rows in parts:
                yield _message(table, rows)
