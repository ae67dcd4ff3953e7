"""A customer's own orders."""

from __future__ import annotations

import asyncio
import time

import grpc
from tradewind.api.v1.reason_pb2 import Reason
from tradewind.order.v1 import order_pb2
from tradewind.order.v1.order_pb2_grpc import OrderServiceServicer

from mesh.runtime.context import current_call
from mesh.runtime.errors import CallError, Violation, invalid
from mesh.runtime.paging import decode_token, encode_token, page_size
from mesh.runtime.times import bounds, now_us
from mesh.telemetry.tracing import current_context
from services.order.assets import Assets
from services.order.domain.order import Order, Side, State
from services.order.domain.transitions import Cancelled
from services.order.saga.driver import Run, Saga
from services.order.service.requests import check_kind, expiry_violation, new_order
from services.order.service.views import (
    history,
    message,
    not_found,
    not_open,
    outcome_pending,
    rejection,
    shown,
)
from services.order.store.reads import OrderReads, Wanted

MARGIN_S = 0.1
"""How long before the call's deadline a caller is told that the outcome is pending."""
POLL_S = 0.1
"""Between two looks at an order that another process drives."""
_NEWEST = "~"
"""Sorts behind every order id."""


class OrderService(OrderServiceServicer):
    """Handlers of `OrderService`."""

    def __init__(self, saga: Saga, reads: OrderReads, assets: Assets) -> None:
        self._saga = saga
        self._reads = reads
        self._assets = assets

    async def CreateOrder(
        self, request: order_pb2.CreateOrderRequest, _: object
    ) -> order_pb2.Order:
        """Places an order and answers its outcome.

        Raises:
            CallError: FIELD_INVALID, ASSET_NOT_FOUND, REQUEST_ID_REUSED, the reason
                of a rejected order, or ORDER_OUTCOME_PENDING.
        """
        check_kind(request)
        call, now = current_call(), now_us()
        scales = await self._assets.scales(request.asset_id)
        order = new_order(request, call.subject, scales, now)
        accepted = await self._accept(order, expiry_violation(order, now))
        if accepted.fingerprint != order.fingerprint:
            raise CallError(
                Reason.REQUEST_ID_REUSED,
                "The request id was used before with other parameters.",
                metadata={"requestId": order.request_id},
            )
        decided = await self._outcome(accepted, call.deadline - MARGIN_S)
        if decided.state is State.REJECTED:
            raise rejection(decided)
        return message(decided)

    async def _accept(self, order: Order, violation: Violation | None) -> Order:
        """The order under its request id; a new one unless it breaks a rule of time.

        A repeat may come when the time it names is over: it gets its order still.
        """
        if violation is None:
            return await asyncio.shield(self._saga.place(order, current_context()).accepted)
        found = await self._reads.by_request(order.user_id, order.request_id)
        if found is None:
            raise invalid(violation)
        return found

    async def _outcome(self, order: Order, until: float) -> Order:
        """The order once it is decided; ORDER_OUTCOME_PENDING when that is not known in time."""
        try:
            async with asyncio.timeout(until - time.monotonic()):
                found = await self._follow(order)
        except TimeoutError as error:
            code = grpc.StatusCode.DEADLINE_EXCEEDED
            raise outcome_pending(order.order_id, code) from error
        if found is None:
            raise outcome_pending(order.order_id, grpc.StatusCode.UNAVAILABLE)
        return found

    async def _follow(self, order: Order) -> Order | None:
        if order.state is not State.PENDING:
            return order
        run = self._saga.running(order.order_id)
        if run is not None:
            return await asyncio.shield(run.decided)
        while order.state is State.PENDING:
            await asyncio.sleep(POLL_S)
            order = await self._reads.one(order.order_id) or order
        return order

    async def _own(self, order_id: str) -> Order:
        order = await self._reads.one(order_id)
        if order is None or order.user_id != current_call().subject:
            raise not_found()
        return order

    async def GetOrder(self, request: order_pb2.GetOrderRequest, _: object) -> order_pb2.Order:
        """One of the caller's orders; ORDER_NOT_FOUND, also for somebody else's."""
        order = await self._own(request.order_id)
        found = message(order)
        found.history.extend(history(await self._reads.events(order.order_id)))
        return found

    async def CancelOrder(
        self, request: order_pb2.CancelOrderRequest, _: object
    ) -> order_pb2.Order:
        """Cancels an open order; ORDER_NOT_FOUND, ORDER_NOT_OPEN."""
        order = await self._own(request.order_id)
        if order.state is State.OPEN:
            order = await self._cancel(order)
        if order.state is not State.CANCELLED:
            raise not_open(order)
        return message(order)

    async def _cancel(self, order: Order) -> Order:
        """The order after the attempt to cancel it; what it held has returned, if in time."""
        run = self._saga.change(order, Cancelled(), order.updated_at)
        if run is not None:
            changed = await asyncio.shield(run.accepted)
            await self._settled(run)
            return changed
        # Something is being decided on it here, perhaps by a repeat of this very call.
        if (other := self._saga.running(order.order_id)) is not None:
            await self._settled(other)
        return await self._reads.one(order.order_id) or order

    async def _settled(self, run: Run) -> None:
        try:
            async with asyncio.timeout(current_call().deadline - MARGIN_S - time.monotonic()):
                await run.ended.wait()
        except TimeoutError:
            return  # It is cancelled all the same; the sweeper gives the hold back.

    async def ListOrders(
        self, request: order_pb2.ListOrdersRequest, _: object
    ) -> order_pb2.ListOrdersResponse:
        """The caller's orders, newest first."""
        subject = current_call().subject
        since, until = bounds(request)
        filters = (int(request.state), request.asset_id, int(request.side))
        query = ("orders", subject, since, until, *filters)
        before = decode_token(request.page_token, str, *query) if request.page_token else _NEWEST
        wanted = Wanted(since, until, before, _states(request), request.asset_id, _side(request))
        size = page_size(request.page_size)
        found = await self._reads.page(subject, wanted, size + 1)
        more = encode_token(found[size - 1].order_id, *query) if len(found) > size else ""
        return order_pb2.ListOrdersResponse(
            orders=[message(order) for order in found[:size]], next_page_token=more
        )


def _states(request: order_pb2.ListOrdersRequest) -> tuple[State, ...]:
    wanted = int(request.state)
    if not wanted:
        return ()
    found = tuple(state for state in State if int(shown(state)) == wanted)
    if not found:
        raise invalid(Violation("state", "must be a known state"))
    return found


def _side(request: order_pb2.ListOrdersRequest) -> Side | None:
    if not request.side:
        return None
    try:
        return Side(int(request.side))
    except ValueError as error:
        raise invalid(Violation("side", "must be BUY or SELL")) from error
