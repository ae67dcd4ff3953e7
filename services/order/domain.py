"""What an order is, what may become of it, and what it is worth. Pure: no I/O, no clock.

Quantities are atomic units of the asset, money is cents, times are microseconds
since 1970.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from decimal import Decimal
from enum import Enum, IntEnum, auto
from typing import TypeAlias

from tradewind.api.v1.reason_pb2 import Reason

from mesh.runtime.decimals import value_in_cents


class Side(IntEnum):
    """Which way the customer trades, with the contract's numbers."""

    BUY = 1
    SELL = 2


class Type(IntEnum):
    """How the price is found, with the contract's numbers."""

    MARKET = 1


class State(IntEnum):
    """Where an order stands, with the contract's numbers."""

    PENDING = 1
    FILLED = 2
    REJECTED = 3


@dataclass(frozen=True, slots=True)
class Order:
    """One order, as its row has it."""

    order_id: str
    user_id: str
    request_id: str
    fingerprint: str
    """Digest of the request's parameters, to tell a repeat from a reuse of its id."""
    asset_id: str
    side: Side
    quantity: int
    quantity_scale: int
    attempt_id: str
    """Id of the reservation and of the ledger group, whoever drives the order."""
    type: Type = Type.MARKET
    max_price: str = ""
    min_price: str = ""
    state: State = State.PENDING
    settled: bool = False
    """Whether stock has heard of the outcome."""
    attempt_until: int = 0
    """From then on, what has not passed its pivot goes backward."""
    price: str = ""
    """Dollars for a whole unit; empty unless FILLED."""
    total: int = 0
    """Cents moved; 0 unless FILLED."""
    reason: Reason = Reason.REASON_UNSPECIFIED
    origin: str = ""
    """W3C `traceparent` of the call that placed the order."""
    revision: int = 1
    created_at: int = 0
    updated_at: int = 0


@dataclass(frozen=True, slots=True)
class Filled:
    """The ledger has posted: the order is done at this price, for so many cents."""

    price: str
    total: int


@dataclass(frozen=True, slots=True)
class Rejected:
    """The order is refused; nothing has moved, and nothing will."""

    reason: Reason


Decision: TypeAlias = Filled | Rejected


def decided(order: Order, attempt_id: str, decision: Decision, now: int) -> Order | None:
    """The order after a decision on one of its attempts, or None where that came too late.

    PENDING is left once, for FILLED or REJECTED, by the attempt in force; both
    are final.
    """
    if order.state is not State.PENDING or order.attempt_id != attempt_id:
        return None
    changed = replace(order, revision=order.revision + 1, updated_at=max(now, order.updated_at))
    match decision:
        case Filled(price, total):
            return replace(changed, state=State.FILLED, price=price, total=total)
        case Rejected(reason):
            return replace(changed, state=State.REJECTED, reason=reason)


class Course(Enum):
    """Where a driver takes an order next."""

    FORWARD = auto()
    """Towards the pivot: reserve, then post."""
    BACKWARD = auto()
    """Its time is over: cancel the group, unless it was posted."""
    SETTLE = auto()
    """FILLED or REJECTED: stock is told."""
    NONE = auto()
    """Nothing is left to do."""


def course(order: Order, now: int) -> Course:
    """What has to happen to an order at a moment."""
    if order.settled:
        return Course.NONE
    if order.state is not State.PENDING:
        return Course.SETTLE
    return Course.FORWARD if now < order.attempt_until else Course.BACKWARD


def executed(order: Order, price: str) -> Filled:
    """What an order moves at a price: a buy's cost rounds up to the cent, a sell's down."""
    total = value_in_cents(
        order.quantity, order.quantity_scale, Decimal(price), round_up=order.side is Side.BUY
    )
    return Filled(price, total)


def refusal(order: Order, price: str, limit: int) -> Reason | None:
    """Why an order may not be made at a price, or None.

    What is worth less than a cent is refused, and so is what is worth more than
    `limit` cents, whichever way it rounds.
    """
    worth = Decimal(price)
    if value_in_cents(order.quantity, order.quantity_scale, worth, round_up=True) > limit:
        return Reason.NOTIONAL_LIMIT
    if value_in_cents(order.quantity, order.quantity_scale, worth, round_up=False) < 1:
        return Reason.AMOUNT_TOO_SMALL
    return None
