"""What an order is worth, what it holds, and when it trades."""

from __future__ import annotations

from decimal import Decimal

from tradewind.api.v1.reason_pb2 import Reason

from mesh.runtime.decimals import value_in_cents
from services.order.domain.order import Order, Side
from services.order.domain.transitions import Filled


def _worth(order: Order, price: str, *, round_up: bool) -> int:
    scale = order.quantity_scale
    return value_in_cents(order.quantity, scale, Decimal(price), round_up=round_up)


def executed(order: Order, price: str) -> Filled:
    """What an order moves at a price: a buy's cost rounds up to the cent, a sell's down."""
    return Filled(price, _worth(order, price, round_up=order.side is Side.BUY))


def refusal(order: Order, price: str, limit: int) -> Reason | None:
    """Why an order may not be made at a price, or None.

    What is worth less than a cent is refused, and so is what is worth more than
    `limit` cents, whichever way it rounds.
    """
    if _worth(order, price, round_up=True) > limit:
        return Reason.NOTIONAL_LIMIT
    if _worth(order, price, round_up=False) < 1:
        return Reason.AMOUNT_TOO_SMALL
    return None


def hold_of(order: Order) -> int:
    """What a limit order holds: cents at its limit, rounded up, for a buy; its units for a sell."""
    if order.side is Side.SELL:
        return order.quantity
    return _worth(order, order.limit_price, round_up=True)


def crosses(side: Side, limit: int, market: int) -> bool:
    """Whether the market has reached a limit, both in atomic units of the price.

    The limit itself is reached: a buy trades at or below it, a sell at or above.
    """
    return market <= limit if side is Side.BUY else market >= limit
