"""The ledger for other services; all groups go through the one batcher."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from tradewind.user.v1.ledger_pb2 import (
    CancelGroupsRequest,
    CancelGroupsResponse,
    CreateTransfersRequest,
    CreateTransfersResponse,
    GroupDecision,
    TransferGroup,
)
from tradewind.user.v1.ledger_pb2 import Transfer as TransferMessage
from tradewind.user.v1.ledger_pb2_grpc import LedgerServiceServicer

from mesh.runtime.batch import Batcher
from mesh.runtime.errors import Violation, invalid
from services.user.domain.ledger import (
    Decision,
    Group,
    Intent,
    Kind,
    Purpose,
    Transfer,
    is_customer,
)
from services.user.store.ledger import Settled

_LONGEST_ID = 64
"""As the contract has it of `TransferGroup.group_id`."""
_KNOWN_PURPOSES = frozenset(int(purpose) for purpose in Purpose)


def _violation(message: TransferMessage, path: str) -> Violation | None:
    """What the contract cannot say of a transfer."""
    if message.debit.asset_id != message.credit.asset_id:
        return Violation(f"{path}.credit.assetId", "must be the asset of debit")
    if message.debit.owner == message.credit.owner:
        return Violation(f"{path}.credit.owner", "must differ from the owner of debit")
    if message.purpose not in _KNOWN_PURPOSES:
        return Violation(f"{path}.purpose", "must be a known purpose")
    return _kind_violation(message, path)


def _kind_violation(message: TransferMessage, path: str) -> Violation | None:
    kind = _kind(message)
    if kind is None:
        return Violation(f"{path}.kind", "must be a known kind")
    if (kind is Kind.PENDING) != bool(message.transfer_id):
        return Violation(f"{path}.transferId", "is for PENDING, which needs it")
    if (kind in (Kind.POST, Kind.VOID)) != bool(message.pending_id):
        return Violation(f"{path}.pendingId", "is for POST and VOID, which need it")
    if kind is not Kind.POSTED and not is_customer(message.debit.owner):
        return Violation(f"{path}.debit.owner", "must be a customer where something is held")
    return None


def _kind(message: TransferMessage) -> Kind | None:
    try:
        return Kind(int(message.kind)) if message.kind else Kind.POSTED
    except ValueError:
        return None


def _group(message: TransferGroup) -> Group:
    transfers = tuple(
        Transfer(
            debit=transfer.debit.owner,
            credit=transfer.credit.owner,
            asset_id=transfer.debit.asset_id,
            amount=transfer.amount,
            purpose=Purpose(transfer.purpose),
            reference=transfer.reference,
            cost=transfer.cost,
            kind=_kind(transfer) or Kind.POSTED,
            transfer_id=transfer.transfer_id,
            pending_id=transfer.pending_id,
        )
        for transfer in message.transfers
    )
    return Group(message.group_id, transfers)


def _message(decision: Decision) -> GroupDecision:
    return GroupDecision(
        group_id=decision.group_id,
        outcome=GroupDecision.Outcome.Name(int(decision.outcome)),
        reason=decision.reason,
        exists=decision.exists,
    )


class LedgerService(LedgerServiceServicer):
    """Handlers of `LedgerService`."""

    def __init__(self, ledger: Batcher[Group, Settled]) -> None:
        self._ledger = ledger

    async def _settle(self, groups: Sequence[Group]) -> list[GroupDecision]:
        # All are submitted before any is awaited, so that they keep their order.
        settled = await asyncio.gather(*(self._ledger.submit(group) for group in groups))
        return [_message(each.decision) for each in settled]

    async def CreateTransfers(
        self, request: CreateTransfersRequest, _: object
    ) -> CreateTransfersResponse:
        """Decides groups, each once; FIELD_INVALID for transfers that never make sense."""
        found = [
            _violation(transfer, f"groups[{i}].transfers[{j}]")
            for i, group in enumerate(request.groups)
            for j, transfer in enumerate(group.transfers)
        ]
        violations = [violation for violation in found if violation is not None]
        if violations:
            raise invalid(*violations)
        decisions = await self._settle([_group(group) for group in request.groups])
        return CreateTransfersResponse(decisions=decisions)

    async def CancelGroups(self, request: CancelGroupsRequest, _: object) -> CancelGroupsResponse:
        """Stores "cancelled" where nothing was decided; FIELD_INVALID for what is no id.

        Answers the decisions in force.
        """
        violations = [
            Violation(f"groupIds[{i}]", f"must have 1 to {_LONGEST_ID} characters")
            for i, group_id in enumerate(request.group_ids)
            if not 0 < len(group_id) <= _LONGEST_ID
        ]
        if violations:
            raise invalid(*violations)
        groups = [Group(group_id, intent=Intent.CANCEL) for group_id in request.group_ids]
        return CancelGroupsResponse(decisions=await self._settle(groups))
