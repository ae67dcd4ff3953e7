"""What orders ask of stock and ledger, in the words of their contracts."""

from __future__ import annotations

from tradewind.inventory.v1 import stock_pb2
from tradewind.inventory.v1.stock_pb2 import Attempt
from tradewind.user.v1.ledger_pb2 import AccountKey, Transfer, TransferGroup

from services.order.domain.order import Order, Side, Type
from services.order.domain.transitions import Filled

PLATFORM = "platform"
USD = "USD"


def reservation(order: Order) -> stock_pb2.ReserveStockRequest.Item:
    """The attempt that stock decides, within the guard or the limit."""
    buys = order.side is Side.BUY
    most = order.limit_price if buys else ""
    least = "" if buys else order.limit_price
    return stock_pb2.ReserveStockRequest.Item(
        attempt_id=order.attempt_id,
        asset_id=order.asset_id,
        side=Attempt.BUY if buys else Attempt.SELL,
        quantity=order.quantity,
        max_price=order.max_price or most or None,
        min_price=order.min_price or least or None,
    )


def _transfer(order: Order, asset_id: str, amount: int, *, from_customer: bool) -> Transfer:
    customer = AccountKey(owner=order.user_id, asset_id=asset_id)
    platform = AccountKey(owner=PLATFORM, asset_id=asset_id)
    return Transfer(
        debit=customer if from_customer else platform,
        credit=platform if from_customer else customer,
        amount=amount,
        purpose=Transfer.BUY if order.side is Side.BUY else Transfer.SELL,
        reference=order.order_id,
    )


def fill_group(order: Order, terms: Filled) -> TransferGroup:
    """What an order moves: cash one way, the asset the other, together.

    What a limit order holds is posted at the executed amount; the rest returns.
    """
    buys = order.side is Side.BUY
    asset = _transfer(order, order.asset_id, order.quantity, from_customer=not buys)
    cash = _transfer(order, USD, terms.total, from_customer=buys)
    if buys:
        asset.cost = terms.total
    if order.type is Type.LIMIT:
        held = cash if buys else asset
        held.kind = Transfer.POST
        held.pending_id = order.hold_id
    return TransferGroup(group_id=order.attempt_id, transfers=[asset, cash])


def _held(order: Order) -> Transfer:
    asset_id = USD if order.side is Side.BUY else order.asset_id
    return _transfer(order, asset_id, order.hold_amount, from_customer=True)


def hold_group(order: Order) -> TransferGroup:
    """What a limit order holds while it is open: a buy's cash, a sell's units."""
    hold = _held(order)
    hold.kind = Transfer.PENDING
    hold.transfer_id = order.hold_id
    return TransferGroup(group_id=order.hold_id, transfers=[hold])


def void_group(order: Order) -> TransferGroup:
    """Gives a limit order's hold back."""
    void = _held(order)
    void.kind = Transfer.VOID
    void.pending_id = order.hold_id
    return TransferGroup(group_id=order.void_id, transfers=[void])
