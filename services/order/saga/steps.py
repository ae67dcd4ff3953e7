"""The steps that an order is made of: each has one effect, and may be made again by anybody."""

from __future__ import annotations

from collections.abc import Awaitable
from enum import StrEnum
from typing import Protocol, TypeVar

from tradewind.inventory.v1.stock_pb2 import Attempt
from tradewind.user.v1.ledger_pb2 import GroupDecision, TransferGroup

from services.order.domain.order import Order
from services.order.domain.transitions import Decision
from services.order.journal import Journal
from services.order.partners import Ledger, Stock

Outcome = TypeVar("Outcome")


class Step(StrEnum):
    """Every effect that a saga has; the crash tests stop a process around each of them."""

    CREATE = "create"
    RESERVE = "reserve"
    POST = "post"
    CANCEL_GROUP = "cancel group"
    DECIDE = "decide"
    COMMIT = "commit"
    RELEASE = "release"
    SETTLE = "settle"


class Watcher(Protocol):
    """Is told of each step, just before and just after its effect."""

    def __call__(self, step: Step, when: str, order: Order, /) -> None:
        """`when` is "before" or "after"."""


def nobody(_step: Step, _when: str, _order: Order) -> None:
    """Watches nothing."""


class Steps:
    """The saga's hands: the order's journal, stock and ledger."""

    def __init__(
        self, journal: Journal, stock: Stock, ledger: Ledger, watcher: Watcher = nobody
    ) -> None:
        self._journal = journal
        self._stock = stock
        self._ledger = ledger
        self._watcher = watcher

    async def _step(self, step: Step, order: Order, effect: Awaitable[Outcome]) -> Outcome:
        self._watcher(step, "before", order)
        outcome = await effect
        self._watcher(step, "after", order)
        return outcome

    async def create(self, order: Order) -> Order:
        """Stores a new order; answers the one order of its customer and request id."""
        return await self._step(Step.CREATE, order, self._journal.create(order))

    async def reserve(self, order: Order) -> Attempt:
        """Stock decides the attempt, once."""
        return await self._step(Step.RESERVE, order, self._stock.reserve(order))

    async def post(self, order: Order, group: TransferGroup) -> GroupDecision:
        """The ledger decides a group of the order's, once."""
        return await self._step(Step.POST, order, self._ledger.post(group))

    async def cancel_group(self, order: Order, group_id: str) -> GroupDecision:
        """The ledger cancels a group that is not decided; answers the decision in force."""
        return await self._step(Step.CANCEL_GROUP, order, self._ledger.cancel(group_id))

    async def decide(self, order: Order, decision: Decision) -> Order:
        """Takes the order to its next state, once; answers it as it is then."""
        return await self._step(Step.DECIDE, order, self._journal.decide(order, decision))

    async def commit(self, order: Order) -> Attempt:
        """Stock makes the movement final."""
        return await self._step(Step.COMMIT, order, self._stock.commit(order.attempt_id))

    async def release(self, order: Order) -> Attempt:
        """Stock takes the reservation back, and keeps a late one out."""
        return await self._step(Step.RELEASE, order, self._stock.release(order.attempt_id))

    async def settle(self, order: Order) -> Order:
        """Notes that nothing is left to do."""
        return await self._step(Step.SETTLE, order, self._journal.settle(order))
