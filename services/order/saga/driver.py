"""Drives orders to their end, whatever fails on the way.

An order belongs to no single process: its row says where it stands, its ids are
decided once by stock and ledger, and whoever has its lease goes on.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable
from contextlib import AbstractContextManager
from contextvars import Context as TaskContext
from dataclasses import dataclass

from grpc.aio import AioRpcError
from opentelemetry.context import Context
from opentelemetry.trace import Span
from sqlalchemy.exc import DBAPIError

from mesh.runtime.errors import CallError
from mesh.telemetry.tracing import extract, links_to, tracer
from services.order.domain.order import Order, State
from services.order.domain.transitions import Decision, took
from services.order.saga.flows import Flows
from services.order.saga.steps import Steps

Unknown = (AioRpcError, CallError, DBAPIError, TimeoutError)
"""What a step raises when its outcome is not known."""

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Run:
    """One order on its way in this process."""

    accepted: asyncio.Future[Order]
    """The order under its request id: a repeat's is the first one's."""
    decided: asyncio.Future[Order | None]
    """The order once its customer can be answered; None: not known yet."""
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


Work = Callable[[Run], Awaitable[None]]
Crossing = Callable[[Order], Decision | None]
"""The claim of an order that the market has crossed, or None."""


class Saga:
    """Places new orders, and goes on with those that are there."""

    def __init__(self, steps: Steps, flows: Flows, crossing: Crossing) -> None:
        """Prepares a driver; `crossing` tells whether an order that just opened trades at once."""
        self._steps = steps
        self._flows = flows
        self._crossing = crossing
        self._runs: dict[str, Run] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    def place(self, order: Order, context: Context) -> Run:
        """Begins a new order, in the trace of `context`; it goes on if its caller leaves."""

        async def work(run: Run) -> None:
            with _span("order place", order, context):
                accepted = await self._steps.create(order)
                run.accepted.set_result(accepted)
                if accepted.order_id == order.order_id:
                    await self._drive(accepted, accepted.created_at, run)

        return self._begin(order.order_id, work)

    def change(self, order: Order, decision: Decision, now: int) -> Run | None:
        """Decides something on an order that rests, and goes on from there.

        None when this process is on the order already.
        """

        async def work(run: Run) -> None:
            with _linked_span(f"order {type(decision).__name__.lower()}", order):
                changed = await self._steps.decide(order, decision)
                run.accepted.set_result(changed)
                if took(decision, changed):
                    await self._drive(changed, now, run)
                else:
                    run.decided.set_result(changed)  # Somebody else was first.

        return None if order.order_id in self._runs else self._begin(order.order_id, work)

    def recover(self, order: Order, now: int) -> Run | None:
        """Goes on with an order whose driver has gone; None when this process is on it."""

        async def work(run: Run) -> None:
            with _linked_span("order recover", order):
                run.accepted.set_result(order)
                await self._drive(order, now, run)

        return None if order.order_id in self._runs else self._begin(order.order_id, work)

    def running(self, order_id: str) -> Run | None:
        """The run of an order that is on its way here."""
        return self._runs.get(order_id)

    @staticmethod
    async def ended(runs: Iterable[Run | None]) -> int:
        """Waits for runs to end; answers how many there were."""
        begun = [run for run in runs if run is not None]
        for run in begun:
            await run.ended.wait()
        return len(begun)

    async def drain(self) -> None:
        """Waits for all runs to end."""
        while self._tasks:
            await asyncio.wait(self._tasks)

    def _begin(self, order_id: str, work: Work) -> Run:
        loop = asyncio.get_running_loop()
        run = Run(loop.create_future(), loop.create_future(), asyncio.Event())
        self._runs[order_id] = run
        # An empty context: the order outlives its caller, and its caller's deadline.
        task = asyncio.create_task(self._watch(order_id, run, work), context=TaskContext())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return run

    async def _watch(self, order_id: str, run: Run, work: Work) -> None:
        try:
            await work(run)
        except Unknown as error:
            extra = {"order_id": order_id, "error": type(error).__name__}
            log.warning("order left to the sweeper", extra=extra)
            run.fail(error)
        except Exception as error:
            log.exception("order driver failed", extra={"order_id": order_id})
            run.fail(error)
        finally:
            del self._runs[order_id]
            run.end()

    async def _drive(self, order: Order, now: int, run: Run) -> None:
        fresh = order.state is State.PENDING
        order = await self._flows.advance(order, now)
        if fresh and order.state is State.OPEN and (claim := self._crossing(order)) is not None:
            order = await self._steps.decide(order, claim)
            if took(claim, order):
                order = await self._flows.advance(order, order.updated_at)
        if order.state is not State.PENDING:
            run.decided.set_result(order)
        await self._flows.finish(order)


def _attributes(order: Order) -> dict[str, str]:
    return {"tradewind.order.id": order.order_id, "tradewind.asset.id": order.asset_id}


def _span(name: str, order: Order, context: Context) -> AbstractContextManager[Span]:
    return tracer.start_as_current_span(name, context=context, attributes=_attributes(order))


def _linked_span(name: str, order: Order) -> AbstractContextManager[Span]:
    """A trace of its own, linked to the one that the order was placed in."""
    return tracer.start_as_current_span(
        name,
        context=Context(),
        links=links_to([extract([("traceparent", order.origin)])]),
        attributes=_attributes(order),
    )
