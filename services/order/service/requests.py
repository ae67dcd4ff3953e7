"""From a request to a new order: what the contract's rules cannot say is checked here."""

from __future__ import annotations

from decimal import Decimal

from tradewind.order.v1.order_pb2 import CreateOrderRequest

from mesh.runtime.decimals import plain, scale_of, to_units
from mesh.runtime.errors import Violation, invalid
from mesh.runtime.ids import fingerprint, new_id
from mesh.telemetry.tracing import traceparent
from services.order.assets import Scales
from services.order.domain import Order, Side, Type

MAX_UNITS = 4 * 10**18
"""Most atomic units that stock and ledger move at once (their contracts)."""


def check_kind(request: CreateOrderRequest) -> None:
    """Refuses what makes no sense whatever the asset.

    Raises:
        CallError: FIELD_INVALID.
    """
    violations: list[Violation] = []
    if request.side not in {int(side) for side in Side}:
        violations.append(Violation("side", "must be BUY or SELL"))
    if request.type not in {int(kind) for kind in Type}:
        violations.append(Violation("type", "must be MARKET"))
    if request.HasField("max_price") and int(request.side) == int(Side.SELL):
        violations.append(Violation("maxPrice", "guards a buy; a sell has minPrice"))
    if request.HasField("min_price") and int(request.side) == int(Side.BUY):
        violations.append(Violation("minPrice", "guards a sell; a buy has maxPrice"))
    if violations:
        raise invalid(*violations)


def _check_scales(request: CreateOrderRequest, scales: Scales) -> None:
    violations: list[Violation] = []
    quantity = Decimal(request.quantity)
    if scale_of(quantity) > scales.quantity:
        rule = f"must have at most {scales.quantity} decimal places"
        violations.append(Violation("quantity", rule))
    elif to_units(request.quantity, scales.quantity) > MAX_UNITS:
        most = plain(Decimal(MAX_UNITS).scaleb(-scales.quantity))
        violations.append(Violation("quantity", f"must be at most {most}"))
    for field, text in (("maxPrice", request.max_price), ("minPrice", request.min_price)):
        if text and scale_of(Decimal(text)) > scales.price:
            rule = f"must have at most {scales.price} decimal places"
            violations.append(Violation(field, rule))
    if violations:
        raise invalid(*violations)


def new_order(request: CreateOrderRequest, user_id: str, scales: Scales) -> Order:
    """A new order of a request, in the current trace.

    Raises:
        CallError: FIELD_INVALID.
    """
    _check_scales(request, scales)
    quantity = to_units(request.quantity, scales.quantity)
    max_price, min_price = (
        plain(Decimal(text)) if text else "" for text in (request.max_price, request.min_price)
    )
    parameters = (request.asset_id, request.side, request.type, quantity, max_price, min_price)
    return Order(
        order_id=new_id(),
        user_id=user_id,
        request_id=request.request_id,
        fingerprint=fingerprint(*parameters),
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
