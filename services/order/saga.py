"""Drives orders to their end, whatever fails on the way.

The steps: PENDING is committed → stock decides the attempt → the limit is
checked at that price → the ledger decides the group (the pivot) → the outcome is
committed and answered → stock hears of it → settled. Every step may be made
again, by anybody, under the same ids. A step whose outcome is unknown ends the
run; the sweeper asks again.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from contextvars import Context as TaskContext
from dataclasses import dataclass
from typing import assert_never

from grpc.aio import AioRpcError
from opentelemetry.context import Context
from sqlalchemy.exc import DBAPIError
from tradewind.api.v1.reason_pb2 import Reason
from tradewind.inventory.v1.stock_pb2 import Attempt
from tradewind.user.v1.ledger_pb2 import GroupDecision

from mesh.runtime.errors import CallError
from mesh.telemetry.tracing import extract, links_to, tracer
from services.order.domain import (
    Course,
    Decision,
    Filled,
    Order,
    Rejected,
    State,
    course,
    executed,
    refusal,
)
from services.order.journal import Journal
from services.order.partners import Ledger, Stock

CLAIM = 200
"""Most orders that one sweep takes."""

Unknown = (AioRpcError, CallError, DBAPIError, TimeoutError)
"""What a step raises when its outcome is not known."""

log = logging.getLogger(__name__)


class ContradictionError(Exception):
    """A partner decided what it cannot have decided: a fault in the code, never compensated."""


@dataclass(frozen=True, slots=True)
class Run:
    """One order on its way in this process."""

    accepted: asyncio.Future[Order]
    """The order under its request id: a repeat's is the first one's."""
    decided: asyncio.Future[Order | None]
    """The order once it is FILLED or REJECTED; None: not known yet."""
    ended: asyncio.Event
    """Set when this process has no more to do with the order."""

    def fail(self, error: Exception) -> None:
        """The run ends by an exception; whoever waits to be accepted is told."""
        if not self.accepted.done():
            self.accepted.set_exception(error)
            self.accepted.exception()  # A caller who has left does not fetch it.

    def end(self) -> None:
        """Lets go of whoever still waits."""
        if not self.decided.done():
            self.decided.set_result(None)
        self.ended.set()


class Saga:
    """Places new orders, and takes up those that were left lying."""

    def __init__(self, journal: Journal, stock: Stock, ledger: Ledger, limit: int) -> None:
        """Prepares a driver; `limit` is the most cents that an order may be worth."""
        self._journal = journal
        self._stock = stock
        self._ledger = ledger
        self._limit = limit
        self._runs: dict[str, Run] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    def place(self, order: Order, context: Context) -> Run:
        """Begins a new order, in the trace of `context`; it goes on if its caller leaves."""

        async def work(run: Run) -> None:
            with tracer.start_as_current_span(
                "order place", context=context, attributes=_attributes(order)
            ):
                accepted = await self._journal.create(order)
                run.accepted.set_result(accepted)
                if accepted.order_id == order.order_id:
                    await self._drive(accepted, accepted.created_at, run)

        return self._begin(order.order_id, work)

    def running(self, order_id: str) -> Run | None:
        """The run of an order that is on its way here."""
        return self._runs.get(order_id)

    async def sweep(self) -> int:
        """Takes up orders whose driver has gone, and waits for them; answers how many."""
        claim = await self._journal.claim(CLAIM)
        runs = [
            self._recover(order, claim.now)
            for order in claim.orders
            if order.order_id not in self._runs
        ]
        for run in runs:
            await run.ended.wait()
        return len(runs)

    async def drain(self) -> None:
        """Waits for all runs to end."""
        while self._tasks:
            await asyncio.wait(self._tasks)

    def _recover(self, order: Order, now: int) -> Run:
        async def work(run: Run) -> None:
            first = extract([("traceparent", order.origin)])
            with tracer.start_as_current_span(
                "order recover",
                context=Context(),
                links=links_to([first]),
                attributes=_attributes(order),
            ):
                run.accepted.set_result(order)
                await self._drive(order, now, run)

        return self._begin(order.order_id, work)

    def _begin(self, order_id: str, work: Callable[[Run], Awaitable[None]]) -> Run:
        loop = asyncio.get_running_loop()
        run = Run(loop.create_future(), loop.create_future(), asyncio.Event())
        self._runs[order_id] = run
        # An empty context: the order outlives its caller, and its caller's deadline.
        task = asyncio.create_task(self._watch(order_id, run, work), context=TaskContext())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return run

    async def _watch(self, order_id: str, run: Run, work: Callable[[Run], Awaitable[None]]) -> None:
        try:
            await work(run)
        except Unknown as error:
            log.warning(
                "order left to the sweeper",
                extra={"order_id": order_id, "error": type(error).__name__},
            )
            run.fail(error)
        except Exception as error:
            log.exception("order driver failed", extra={"order_id": order_id})
            run.fail(error)
        finally:
            del self._runs[order_id]
            run.end()

    async def _drive(self, order: Order, now: int, run: Run) -> None:
        match course(order, now):
            case Course.FORWARD:
                order = await self._forward(order)
            case Course.BACKWARD:
                decision = await self._give_up(order, Reason.NOT_FILLED_IN_TIME)
                order = await self._journal.decide(order, decision)
            case Course.SETTLE | Course.NONE:
                pass
            case other:
                assert_never(other)
        if order.state is not State.PENDING:
            run.decided.set_result(order)
            await self._settle(order)

    async def _forward(self, order: Order) -> Order:
        attempt = await self._stock.reserve(order)
        return await self._journal.decide(order, await self._decision(order, attempt))

    async def _decision(self, order: Order, attempt: Attempt) -> Decision:
        match attempt.state:
            case Attempt.REFUSED:
                return Rejected(attempt.reason)
            case Attempt.RELEASED:
                return await self._give_up(order, Reason.NOT_FILLED_IN_TIME)
            case Attempt.RESERVED | Attempt.COMMITTED:
                reason = refusal(order, attempt.price, self._limit)
                if reason is not None:
                    return await self._give_up(order, reason)
                return await self._pivot(order, executed(order, attempt.price))
            case state:
                raise ContradictionError(f"attempt {order.attempt_id} is in state {state}")

    async def _pivot(self, order: Order, terms: Filled) -> Decision:
        group = await self._ledger.post(order, terms)
        match group.outcome:
            case GroupDecision.POSTED:
                return terms
            case GroupDecision.REFUSED:
                return Rejected(group.reason)
            case GroupDecision.CANCELLED:
                return Rejected(Reason.NOT_FILLED_IN_TIME)
            case outcome:
                raise ContradictionError(f"group {order.attempt_id} was decided {outcome}")

    async def _give_up(self, order: Order, reason: Reason) -> Decision:
        """Rejects an order, unless its group was posted after all.

        Also for a limit that is broken: another run, under another limit, may
        have passed the pivot before.
        """
        group = await self._ledger.cancel(order.attempt_id)
        match group.outcome:
            case GroupDecision.CANCELLED:
                return Rejected(reason)
            case GroupDecision.REFUSED:
                return Rejected(group.reason)
            case GroupDecision.POSTED:
                attempt = await self._stock.reserve(order)
                if attempt.state not in (Attempt.RESERVED, Attempt.COMMITTED):
                    raise ContradictionError(f"{order.attempt_id} was posted, not reserved")
                return executed(order, attempt.price)
            case outcome:
                raise ContradictionError(f"group {order.attempt_id} was decided {outcome}")

    async def _settle(self, order: Order) -> None:
        if order.settled:
            return
        if order.state is State.FILLED:
            attempt = await self._stock.commit(order.attempt_id)
            expected: tuple[Attempt.State, ...] = (Attempt.COMMITTED,)
        else:
            attempt = await self._stock.release(order.attempt_id)
            expected = (Attempt.RELEASED, Attempt.REFUSED)
        if attempt.state not in expected:
            raise ContradictionError(f"attempt {order.attempt_id} ended in {attempt.state}")
        await self._journal.settle(order)


def _attributes(order: Order) -> dict[str, str]:
    return {"tradewind.order.id": order.order_id, "tradewind.asset.id": order.asset_id}
