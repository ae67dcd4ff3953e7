"""The state machine: which decision takes an order from which state to which."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import Enum, auto
from typing import TypeAlias, assert_never

from tradewind.api.v1.reason_pb2 import Reason

from mesh.runtime.times import MICROSECONDS
from services.order.domain.order import Order, State, Type

FIRST_PAUSE = MICROSECONDS
LONGEST_PAUSE = 300 * MICROSECONDS


@dataclass(frozen=True, slots=True)
class Filled:
    """The ledger has posted: the order is done at this price, for so many cents."""

    price: str
    total: int


@dataclass(frozen=True, slots=True)
class Rejected:
    """The order is refused; nothing has moved, and nothing will."""

    reason: Reason


@dataclass(frozen=True, slots=True)
class Opened:
    """The ledger holds what a limit order needs; it rests."""


@dataclass(frozen=True, slots=True)
class Claimed:
    """The market has crossed the limit: a new attempt has the order to itself."""

    attempt_id: str
    lasting: int
    """Microseconds for which the attempt goes forward."""


@dataclass(frozen=True, slots=True)
class Reopened:
    """The attempt came to nothing, and nothing of it is left; the order rests again."""


@dataclass(frozen=True, slots=True)
class Cancelled:
    """The customer does not want it any more."""


@dataclass(frozen=True, slots=True)
class Expired:
    """Its time is over."""


Decision: TypeAlias = Filled | Rejected | Opened | Claimed | Reopened | Cancelled | Expired

TRANSITIONS: dict[tuple[State, type[Decision]], State] = {
    (State.PENDING, Filled): State.FILLED,
    (State.PENDING, Rejected): State.REJECTED,
    (State.PENDING, Opened): State.OPEN,
    (State.OPEN, Claimed): State.FILLING,
    (State.OPEN, Cancelled): State.CANCELLED,
    (State.OPEN, Expired): State.EXPIRED,
    (State.FILLING, Filled): State.FILLED,
    (State.FILLING, Reopened): State.OPEN,
}
"""All that can happen. Whatever is not here comes too late, and changes nothing."""


def decided(order: Order, attempt_id: str, decision: Decision, now: int) -> Order | None:
    """The order after a decision on its attempt in force, or None where that came too late."""
    to = TRANSITIONS.get((order.state, type(decision)))
    if to is None or order.attempt_id != attempt_id:
        return None
    changed = replace(
        order, state=to, revision=order.revision + 1, updated_at=max(now, order.updated_at)
    )
    match decision:
        case Filled(price, total):
            return replace(changed, price=price, total=total)
        case Rejected(reason):
            return replace(changed, reason=reason)
        case Claimed(new_attempt, lasting):
            return replace(changed, attempt_id=new_attempt, attempt_until=now + lasting)
        case Reopened():
            pause = min(FIRST_PAUSE << min(order.attempts, 10), LONGEST_PAUSE)
            return replace(changed, attempts=order.attempts + 1, retry_at=now + pause)
        case Opened() | Cancelled() | Expired():
            return changed
        case other:
            assert_never(other)


def took(decision: Decision, after: Order) -> bool:
    """Whether an order is, after a decision, what that decision makes of it.

    It may also be so by another's like decision: to go on from there does no harm.
    """
    if isinstance(decision, Claimed):
        return after.attempt_id == decision.attempt_id
    return any(after.state is to for (_, kind), to in TRANSITIONS.items() if kind is type(decision))


class Course(Enum):
    """Where a driver takes an order next."""

    HOLD = auto()
    """A limit order: the ledger holds what it needs."""
    DROP = auto()
    """Its time is over before the hold was known: cancel it, unless it was made."""
    FILL = auto()
    """Towards the pivot: reserve, then post."""
    GIVE_UP = auto()
    """The attempt's time is over: cancel its group, unless it was posted."""
    SETTLE = auto()
    """At its end: stock or ledger is told."""
    NONE = auto()
    """Nothing is left to do, or it rests."""


def course(order: Order, now: int) -> Course:
    """What has to happen to an order at a moment."""
    if order.settled or order.state is State.OPEN:
        return Course.NONE
    if order.is_final:
        return Course.SETTLE
    in_time = now < order.attempt_until
    if order.state is State.PENDING and order.type is Type.LIMIT:
        return Course.HOLD if in_time else Course.DROP
    return Course.FILL if in_time else Course.GIVE_UP
