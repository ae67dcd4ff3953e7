"""Orders in the contract's form, and the words for their refusals."""

from __future__ import annotations

from collections.abc import Sequence

import grpc
from tradewind.api.v1.reason_pb2 import Reason
from tradewind.order.v1 import order_pb2

from mesh.runtime.decimals import CENTS_SCALE, to_text
from mesh.runtime.errors import CallError
from mesh.runtime.times import timestamp
from services.order.domain.order import Order, State
from services.order.store.reads import Event

_WORDS = {
    Reason.INSUFFICIENT_FUNDS: "There is not enough cash available for the order.",
    Reason.INSUFFICIENT_HOLDING: "There is not enough of the asset available to sell.",
    Reason.OUT_OF_STOCK: "The platform's stock of the asset does not cover the order.",
    Reason.PRICE_BOUND: "The market price is beyond the order's guard price.",
    Reason.PRICES_STALE: "The market data is too old to trade on; try again shortly.",
    Reason.NOTIONAL_LIMIT: "The order's value at the executed price is above the limit.",
    Reason.AMOUNT_TOO_SMALL: "The order is worth less than one cent.",
    Reason.ASSET_HALTED: "Trading of the asset is stopped.",
    Reason.ASSET_NOT_FOUND: "There is no such asset.",
    Reason.USER_NOT_FOUND: "There is no such user.",
    Reason.NOT_FILLED_IN_TIME: "The order could not be filled in time; nothing was moved.",
}


def shown(state: State) -> State:
    """A state as its customer sees it: an attempt at filling shows as OPEN."""
    return State.OPEN if state is State.FILLING else state


def history(events: Sequence[Event]) -> list[order_pb2.OrderEvent]:
    """How an order came to its state; attempts that came to nothing are left out."""
    made: list[order_pb2.OrderEvent] = []
    for event in events:
        state = order_pb2.Order.State.Name(int(shown(event.state)))
        found = order_pb2.OrderEvent(
            state=state,
            reason=event.reason or None,
            time=timestamp(event.created_at),
            trace_id=event.trace_id,
        )
        if not made or made[-1].state != found.state:
            made.append(found)
    return made


def message(order: Order) -> order_pb2.Order:
    """An order as its customer sees it."""
    filled = order.state is State.FILLED
    rejected = order.state is State.REJECTED
    return order_pb2.Order(
        order_id=order.order_id,
        request_id=order.request_id,
        asset_id=order.asset_id,
        side=order_pb2.Order.Side.Name(int(order.side)),
        type=order_pb2.Order.Type.Name(int(order.type)),
        state=order_pb2.Order.State.Name(int(shown(order.state))),
        quantity=to_text(order.quantity, order.quantity_scale),
        filled_quantity=to_text(order.quantity if filled else 0, order.quantity_scale),
        average_price=order.price if filled else None,
        total=to_text(order.total, CENTS_SCALE) if filled else None,
        reject_reason=order.reason if rejected else None,
        max_price=order.max_price or None,
        min_price=order.min_price or None,
        limit_price=order.limit_price or None,
        expire_time=timestamp(order.expire_at) if order.expire_at else None,
        create_time=timestamp(order.created_at),
        update_time=timestamp(order.updated_at),
    )


def rejection(order: Order) -> CallError:
    """The refusal of an order that was rejected."""
    text = _WORDS.get(order.reason, "The order was refused.")
    return CallError(order.reason, text, metadata={"orderId": order.order_id})


def outcome_pending(order_id: str, code: grpc.StatusCode) -> CallError:
    """The answer while an accepted order's outcome is not known."""
    return CallError(
        Reason.ORDER_OUTCOME_PENDING,
        "The order was accepted and its outcome is not known yet; "
        "ask again with the same request id.",
        metadata={"orderId": order_id},
        retry_after_s=1,
        code=code,
    )


def not_open(order: Order) -> CallError:
    """The refusal to cancel an order that does not rest any more."""
    if order.state is State.FILLING:
        words = "The order is being filled."
    else:
        words = f"The order is {order.state.name} and cannot be cancelled."
    return CallError(Reason.ORDER_NOT_OPEN, words, metadata={"orderId": order.order_id})


def not_found() -> CallError:
    """The answer to a question for an order that is not the caller's own."""
    return CallError(Reason.ORDER_NOT_FOUND, "There is no such order of yours.")
