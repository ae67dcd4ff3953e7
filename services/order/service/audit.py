"""All orders, for `mesh audit`."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import aclosing

from tradewind.order.v1.audit_pb2 import AuditRequest, AuditResponse, OrderRecord
from tradewind.order.v1.audit_pb2_grpc import AuditServiceServicer
from tradewind.order.v1.order_pb2 import Order as OrderMessage

from mesh.runtime.times import MICROSECONDS
from services.order.domain.order import Order, State
from services.order.store.reads import OrderReads


def _told(state: State) -> State:
    """An attempt at filling counts as on its way: an auditor asks how long it takes."""
    return State.PENDING if state is State.FILLING else state


def _record(order: Order, now: int) -> OrderRecord:
    return OrderRecord(
        order_id=order.order_id,
        user_id=order.user_id,
        request_id=order.request_id,
        asset_id=order.asset_id,
        side=OrderMessage.Side.Name(int(order.side)),
        state=OrderMessage.State.Name(int(_told(order.state))),
        settled=order.settled,
        attempt_id=order.attempt_id,
        quantity=order.quantity,
        price=order.price,
        total=order.total,
        age_s=max(0, now - order.updated_at) // MICROSECONDS,
        type=OrderMessage.Type.Name(int(order.type)),
        hold_id=order.hold_id,
        hold_amount=order.hold_amount,
        limit_price=order.limit_price,
        overdue_s=(now - order.expire_at) // MICROSECONDS if order.expire_at else 0,
    )


class AuditService(AuditServiceServicer):
    """Handlers of `AuditService`."""

    def __init__(self, reads: OrderReads) -> None:
        self._reads = reads

    async def Audit(self, request: AuditRequest, _: object) -> AsyncIterator[AuditResponse]:
        """Streams all orders from one snapshot."""
        async with aclosing(self._reads.parts()) as parts:
            async for now, part in parts:
                yield AuditResponse(orders=[_record(order, now) for order in part])
