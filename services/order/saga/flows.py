"""What a driver does with an order, step by step.

Market: stock decides the attempt → the limit is checked at that price → the
ledger decides the group (the pivot) → FILLED → stock commits → settled.
Limit: the ledger holds what is needed → OPEN; when the market crosses, an
attempt claims the order and takes the same path, posting the hold; cancelled or
expired, the hold is given back.

An unknown outcome raises: nothing is compensated, the sweeper asks again.
"""

from __future__ import annotations

from typing import assert_never

from tradewind.api.v1.reason_pb2 import Reason
from tradewind.inventory.v1.stock_pb2 import Attempt
from tradewind.user.v1.ledger_pb2 import GroupDecision

from services.order.domain.order import Order, State, Type
from services.order.domain.terms import executed, refusal
from services.order.domain.transitions import (
    Course,
    Decision,
    Filled,
    Opened,
    Rejected,
    Reopened,
    course,
)
from services.order.groups import fill_group, hold_group, void_group
from services.order.saga.steps import Steps


class ContradictionError(Exception):
    """A partner decided what it cannot have decided: a fault in the code, never compensated."""


class Flows:
    """Takes orders through their steps."""

    def __init__(self, steps: Steps, limit: int) -> None:
        """Prepares; `limit` is the most cents that a market order may be worth."""
        self._steps = steps
        self._limit = limit

    async def advance(self, order: Order, now: int) -> Order:
        """Takes an order to a state in which its customer can be answered, at `now`."""
        match course(order, now):
            case Course.HOLD:
                return await self._hold(order)
            case Course.DROP:
                return await self._drop(order)
            case Course.FILL:
                return await self._fill(order)
            case Course.GIVE_UP:
                return await self._conclude(order, await self._give_up(order, _TOO_LATE))
            case Course.SETTLE | Course.NONE:
                return order
            case other:
                assert_never(other)

    async def finish(self, order: Order) -> Order:
        """Tells stock or ledger of an order's end."""
        if order.settled or not order.is_final:
            return order
        match order.state:
            case State.FILLED:
                await self._expect(order, await self._steps.commit(order), Attempt.COMMITTED)
            case State.REJECTED if order.type is Type.MARKET:
                attempt = await self._steps.release(order)
                await self._expect(order, attempt, Attempt.RELEASED, Attempt.REFUSED)
            case State.CANCELLED | State.EXPIRED:
                group = await self._steps.post(order, void_group(order))
                _expect_posted(order, group)
            case _:
                pass  # A limit order that was refused holds nothing.
        return await self._steps.settle(order)

    async def _hold(self, order: Order) -> Order:
        reason = refusal(order, order.limit_price, self._limit)
        if reason is not None:
            return await self._drop(order, reason)
        group = await self._steps.post(order, hold_group(order))
        return await self._steps.decide(order, _held(order, group, _TOO_LATE))

    async def _drop(self, order: Order, reason: Reason | None = None) -> Order:
        group = await self._steps.cancel_group(order, order.hold_id)
        return await self._steps.decide(order, _held(order, group, reason or _TOO_LATE))

    async def _fill(self, order: Order) -> Order:
        attempt = await self._steps.reserve(order)
        return await self._conclude(order, await self._filled_or_why_not(order, attempt))

    async def _filled_or_why_not(self, order: Order, attempt: Attempt) -> Filled | Reason:
        match attempt.state:
            case Attempt.REFUSED:
                return attempt.reason
            case Attempt.RELEASED:
                return await self._give_up(order, _TOO_LATE)
            case Attempt.RESERVED | Attempt.COMMITTED:
                return await self._pivot(order, executed(order, attempt.price))
            case state:
                raise ContradictionError(f"attempt {order.attempt_id} is in state {state}")

    async def _pivot(self, order: Order, terms: Filled) -> Filled | Reason:
        if order.type is Type.MARKET:
            reason = refusal(order, terms.price, self._limit)
            if reason is not None:
                # Another run, under another limit, may have passed the pivot before.
                return await self._give_up(order, reason)
        group = await self._steps.post(order, fill_group(order, terms))
        match group.outcome:
            case GroupDecision.POSTED:
                return terms
            case GroupDecision.REFUSED if order.type is Type.MARKET:
                return group.reason
            case GroupDecision.CANCELLED:
                return _TOO_LATE
            case outcome:
                raise ContradictionError(f"group {order.attempt_id} was decided {outcome}")

    async def _give_up(self, order: Order, reason: Reason) -> Filled | Reason:
        """Cancels the attempt's group; forward after all when it was posted."""
        group = await self._steps.cancel_group(order, order.attempt_id)
        match group.outcome:
            case GroupDecision.CANCELLED:
                return reason
            case GroupDecision.REFUSED if order.type is Type.MARKET:
                return group.reason
            case GroupDecision.POSTED:
                attempt = await self._steps.reserve(order)
                await self._expect(order, attempt, Attempt.RESERVED, Attempt.COMMITTED)
                return executed(order, attempt.price)
            case outcome:
                raise ContradictionError(f"group {order.attempt_id} was decided {outcome}")

    async def _conclude(self, order: Order, found: Filled | Reason) -> Order:
        if isinstance(found, Filled):
            return await self._steps.decide(order, found)
        if order.type is Type.MARKET:
            return await self._steps.decide(order, Rejected(found))
        # The attempt is forgotten with this decision, so nothing of it may be left.
        attempt = await self._steps.release(order)
        await self._expect(order, attempt, Attempt.RELEASED, Attempt.REFUSED)
        return await self._steps.decide(order, Reopened())

    async def _expect(self, order: Order, attempt: Attempt, *states: Attempt.State) -> None:
        if attempt.state not in states:
            raise ContradictionError(f"attempt {order.attempt_id} is in state {attempt.state}")


_TOO_LATE = Reason.NOT_FILLED_IN_TIME


def _held(order: Order, group: GroupDecision, reason: Reason) -> Decision:
    match group.outcome:
        case GroupDecision.POSTED:
            return Opened()
        case GroupDecision.REFUSED:
            return Rejected(group.reason)
        case GroupDecision.CANCELLED:
            return Rejected(reason)
        case outcome:
            raise ContradictionError(f"group {order.hold_id} was decided {outcome}")


def _expect_posted(order: Order, group: GroupDecision) -> None:
    if group.outcome != GroupDecision.POSTED:
        raise ContradictionError(f"group {order.void_id} was decided {group.outcome}")
