"""Messages and text that several handlers make."""

from __future__ import annotations

from tradewind.api.v1.reason_pb2 import Reason
from tradewind.user.v1.account_pb2 import Transaction

from mesh.runtime.decimals import to_text
from mesh.runtime.errors import CallError
from mesh.runtime.times import timestamp
from services.user.domain.ledger import Purpose
from services.user.store.accounts import Movement


def user_not_found() -> CallError:
    """The refusal of a user who does not exist."""
    return CallError(Reason.USER_NOT_FOUND, "There is no such user.")


def transaction(movement: Movement, asset_id: str, scale: int) -> Transaction:
    """A movement as the customer sees it, at the asset's scale."""
    ordered = movement.purpose in {Purpose.BUY, Purpose.SELL}
    return Transaction(
        transaction_id=movement.transfer_id,
        type=Transaction.Type.Name(int(movement.purpose)),
        asset_id=asset_id,
        amount=to_text(movement.amount, scale),
        balance_after=to_text(movement.balance, scale),
        order_id=movement.reference if ordered else None,
        create_time=timestamp(movement.created_at),
    )
