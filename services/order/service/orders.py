"""A customer's own orders."""

from __future__ import annotations

import asyncio
import time

import grpc
from tradewind.api.v1.reason_pb2 import Reason
from tradewind.order.v1 import order_pb2
from tradewind.order.v1.order_pb2_grpc import OrderServiceServicer

from mesh.runtime.context import current_call
from mesh.runtime.errors import CallError
from mesh.runtime.paging import decode_token, encode_token, page_size
from mesh.runtime.times import bounds
from mesh.telemetry.tracing import current_context
from services.order.assets import Assets
from services.order.domain import Order, State
from services.order.saga import Saga
from services.order.service.requests import check_kind, new_order
from services.order.service.views import message, not_found, outcome_pending, rejection
from services.order.store.reads import OrderReads, Span

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
        call = current_call()
        order = new_order(request, call.subject, await self._assets.scales(request.asset_id))
        run = self._saga.place(order, current_context())
        accepted = await asyncio.shield(run.accepted)
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

    async def GetOrder(self, request: order_pb2.GetOrderRequest, _: object) -> order_pb2.Order:
        """One of the caller's orders; ORDER_NOT_FOUND, also for somebody else's."""
        order = await self._reads.one(request.order_id)
        if order is None or order.user_id != current_call().subject:
            raise not_found()
        return message(order)

    async def ListOrders(
        self, request: order_pb2.ListOrdersRequest, _: object
    ) -> order_pb2.ListOrdersResponse:
        """The caller's orders, newest first."""
        subject = current_call().subject
        since, until = bounds(request)
        query = ("orders", subject, since, until)
        before = decode_token(request.page_token, str, *query) if request.page_token else _NEWEST
        size = page_size(request.page_size)
        found = await self._reads.page(subject, Span(since, until, before), size + 1)
        more = encode_token(found[size - 1].order_id, *query) if len(found) > size else ""
        return order_pb2.ListOrdersResponse(
            orders=[message(order) for order in found[:size]], next_page_token=more
        )
