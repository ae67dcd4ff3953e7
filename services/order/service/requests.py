"""From a request to a new order: what the contract's rules cannot say is checked here."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal

from tradewind.order.v1.order_pb2 import CreateOrderRequest

from mesh.runtime.decimals import plain, scale_of, to_units
from mesh.runtime.errors import Violation, invalid
from mesh.runtime.ids import fingerprint, new_id
from mesh.runtime.times import MICROSECONDS, microseconds
from mesh.telemetry.tracing import traceparent
from services.order.assets import Scales
from services.order.domain.order import Order, Side, Type
from services.order.domain.terms import hold_of

MAX_UNITS = 4 * 10**18
"""Most atomic units that stock, ledger and database count at once."""
LONGEST = 30 * 86_400 * MICROSECONDS
"""Most that a limit order may rest."""


def _kind_violations(request: CreateOrderRequest) -> Iterator[Violation]:
    if request.side not in {int(side) for side in Side}:
        yield Violation("side", "must be BUY or SELL")
    if request.type not in {int(kind) for kind in Type}:
        yield Violation("type", "must be MARKET or LIMIT")
    is_limit = int(request.type) == int(Type.LIMIT)
    if is_limit and not request.HasField("limit_price"):
        yield Violation("limitPrice", "is required of a LIMIT order")
    if not is_limit and request.HasField("limit_price"):
        yield Violation("limitPrice", "is for LIMIT orders")
    if not is_limit and request.HasField("expire_time"):
        yield Violation("expireTime", "is for LIMIT orders")
    for field, name, side in (
        ("max_price", "maxPrice", Side.BUY),
        ("min_price", "minPrice", Side.SELL),
    ):
        if not request.HasField(field):
            continue
        if is_limit:
            yield Violation(name, "is for MARKET orders; a LIMIT order has limitPrice")
        elif int(request.side) != int(side):
            yield Violation(name, f"guards a {side.name}")


def check_kind(request: CreateOrderRequest) -> None:
    """Refuses what makes no sense whatever the asset.

    Raises:
        CallError: FIELD_INVALID.
    """
    if violations := list(_kind_violations(request)):
        raise invalid(*violations)


def _counted(name: str, text: str, scale: int) -> Violation | None:
    """What is wrong with a decimal that has to be counted in units of 10^-scale."""
    if scale_of(Decimal(text)) > scale:
        return Violation(name, f"must have at most {scale} decimal places")
    if to_units(text, scale) > MAX_UNITS:
        return Violation(name, f"must be at most {plain(Decimal(MAX_UNITS).scaleb(-scale))}")
    return None


def _check_scales(request: CreateOrderRequest, scales: Scales) -> None:
    checked = (
        ("quantity", request.quantity, scales.quantity),
        ("maxPrice", request.max_price, scales.price),
        ("minPrice", request.min_price, scales.price),
        ("limitPrice", request.limit_price, scales.price),
    )
    found = [_counted(name, text, scale) for name, text, scale in checked if text]
    if violations := [violation for violation in found if violation is not None]:
        raise invalid(*violations)


def new_order(request: CreateOrderRequest, user_id: str, scales: Scales, now: int) -> Order:
    """A new order of a request at a moment, in the current trace.

    Raises:
        CallError: FIELD_INVALID.
    """
    _check_scales(request, scales)
    quantity = to_units(request.quantity, scales.quantity)
    max_price, min_price, limit_price = (
        plain(Decimal(text)) if text else ""
        for text in (request.max_price, request.min_price, request.limit_price)
    )
    asked = microseconds(request.expire_time) if request.HasField("expire_time") else 0
    order = Order(
        order_id=new_id(),
        user_id=user_id,
        request_id=request.request_id,
        fingerprint=fingerprint(
            request.asset_id,
            int(request.side),
            int(request.type),
            quantity,
            (max_price, min_price, limit_price),
            asked,
        ),
        asset_id=request.asset_id,
        side=Side(request.side),
        type=Type(request.type),
        quantity=quantity,
        quantity_scale=scales.quantity,
        max_price=max_price,
        min_price=min_price,
        attempt_id=new_id(),
        origin=traceparent(),
    )
    if order.type is Type.MARKET:
        return order
    limited = replace(
        order,
        limit_price=limit_price,
        limit_units=to_units(limit_price, scales.price),
        hold_id=new_id(),
        expire_at=asked or now + LONGEST,
    )
    return replace(limited, hold_amount=hold_of(limited))


def expiry_violation(order: Order, now: int) -> Violation | None:
    """What is wrong with the time until which a new order wants to rest."""
    if order.type is Type.MARKET:
        return None
    if order.expire_at <= now:
        return Violation("expireTime", "must be in the future")
    if order.expire_at > now + LONGEST:
        return Violation("expireTime", "must be at most 30 days from now")
    return None
