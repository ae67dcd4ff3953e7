"""Values that people recognise, for the document's examples."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from google.protobuf.descriptor import Descriptor, FieldDescriptor

from mesh.contract.openapi.types import FIELD_MASK, TIMESTAMP, Json, input_fields, own_message
from mesh.contract.rules import FieldRule, Format, read_field

ORDER_ID = "01968f2e-7c1a-7b3d-9e4f-5a6b7c8d9e0f"
TRACE_ID = "4bf92f3577b34da6a3ce929d0e0e4736"
TIME = "2026-05-04T09:30:00Z"

_BY_NAME: Mapping[str, Any] = {
    "username": "ada.lovelace",
    "email": "ada@example.com",
    "password": "correct horse battery",
    "first_name": "Ada",
    "last_name": "Lovelace",
    "phone": "+4915112345678",
    "date_of_birth": "1990-12-10",
    "marketing_emails_consent": True,
    "update_mask": "phone,dateOfBirth",
    "access_token": "eyJhbGciOiJFZERTQSJ9.eyJzdWIiOiIuLi4ifQ.c2lnbmF0dXJl",
    "refresh_token": "mF_9B5f-4.1JqM",
    "token_type": "Bearer",
    "expires_in": 900,
    "user_id": "01968f2e-0000-7b3d-9e4f-5a6b7c8d9e0f",
    "order_id": ORDER_ID,
    "transaction_id": "01968f2e-7c1b-7000-8000-000000000001",
    "request_id": "order-2026-05-04-1",
    "asset_id": "BTC",
    "currency": "USD",
    "quantity": "0.05",
    "filled_quantity": "0.05",
    "average_price": "64250.75",
    "total": "3212.54",
    "price": "64250.75",
    "price_scale": 2,
    "quantity_scale": 8,
    "page_size": 50,
    "page_token": "WzEyMywiOWY4NmQwODE4ODRjN2Q2NSJd",
    "next_page_token": "WzEyMywiOWY4NmQwODE4ODRjN2Q2NSJd",
    "category": "layer-1",
    "rank": 1,
    "reason": "A deposit was booked twice.",
    "trace_id": TRACE_ID,
    "state": "FILLED",
}
"""By the field's name in the proto, wherever it stands."""

_BY_FIELD: Mapping[str, Any] = {
    "tradewind.user.v1.DepositRequest.amount": "10000.00",
    "tradewind.user.v1.DepositRequest.request_id": "deposit-2026-05-04-1",
    "tradewind.user.v1.WithdrawRequest.amount": "250.00",
    "tradewind.user.v1.WithdrawRequest.request_id": "withdrawal-2026-05-04-1",
    "tradewind.user.v1.Balance.available": "6787.46",
    "tradewind.user.v1.Balance.held": "0.00",
    "tradewind.user.v1.Transaction.type": "BUY",
    "tradewind.user.v1.Transaction.asset_id": "USD",
    "tradewind.user.v1.Transaction.amount": "-3212.54",
    "tradewind.user.v1.Transaction.balance_after": "6787.46",
    "tradewind.user.v1.Holding.available": "0.05",
    "tradewind.user.v1.Holding.held": "0.00",
    "tradewind.user.v1.Holding.market_value": "3212.53",
    "tradewind.user.v1.Portfolio.cash": "6787.46",
    "tradewind.user.v1.Portfolio.assets_value": "3212.53",
    "tradewind.user.v1.Portfolio.total_value": "9999.99",
    "tradewind.user.v1.Portfolio.Position.name": "Bitcoin",
    "tradewind.user.v1.Portfolio.Position.market_value": "3212.53",
    "tradewind.user.v1.Portfolio.Position.share": "0.3213",
    "tradewind.user.v1.Portfolio.Position.average_cost": "64250.80",
    "tradewind.user.v1.Portfolio.Position.unrealized_gain": "-0.01",
    "tradewind.inventory.v1.Asset.name": "Bitcoin",
    "tradewind.inventory.v1.Asset.high_24h": "65010.20",
    "tradewind.inventory.v1.Asset.low_24h": "63120.00",
    "tradewind.inventory.v1.Asset.change_24h": "812.35",
    "tradewind.inventory.v1.Asset.volume_24h": "28450000000",
    "tradewind.inventory.v1.Asset.change_percent_1h": "0.12",
    "tradewind.inventory.v1.Asset.change_percent_24h": "1.28",
    "tradewind.inventory.v1.Asset.change_percent_7d": "-2.40",
    "tradewind.inventory.v1.Asset.change_percent_30d": "5.05",
    "tradewind.inventory.v1.Asset.market_cap": "1265000000000",
    "tradewind.inventory.v1.Asset.circulating_supply": "19690000",
    "tradewind.inventory.v1.Asset.total_supply": "19690000",
    "tradewind.inventory.v1.Asset.max_supply": "21000000",
    "tradewind.inventory.v1.Asset.all_time_high": "73750.07",
    "tradewind.inventory.v1.Asset.all_time_high_time": "2024-03-14T07:10:36Z",
    "tradewind.inventory.v1.Asset.all_time_low": "67.81",
    "tradewind.inventory.v1.Asset.all_time_low_time": "2013-07-06T00:00:00Z",
    "tradewind.inventory.v1.Asset.source": "simulated",
    "tradewind.auth.v1.Jwk.kty": "OKP",
    "tradewind.auth.v1.Jwk.crv": "Ed25519",
    "tradewind.auth.v1.Jwk.x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo",
    "tradewind.auth.v1.Jwk.kid": "2026-05",
    "tradewind.auth.v1.Jwk.use": "sig",
    "tradewind.auth.v1.Jwk.alg": "EdDSA",
}
"""By the field's full name, where its name alone does not tell."""

_UNTOLD = frozenset(
    f"tradewind.order.v1.{name}"
    for name in (
        "Order.reject_reason",
        "Order.max_price",
        "Order.min_price",
        "Order.limit_price",
        "Order.expire_time",
        "OrderEvent.reason",
    )
)
"""Absent from an example of a whole: an order that is filled has no reason to be rejected."""

_BY_FORMAT: Mapping[Format, str] = {
    Format.EMAIL: "ada@example.com",
    Format.PAST_DATE: "1990-12-10",
    Format.PHONE: "+4915112345678",
    Format.ID: ORDER_ID,
}
_BY_TYPE: Mapping[str, Any] = {TIMESTAMP: TIME, FIELD_MASK: "name"}


def _by_rule(field: FieldDescriptor, rule: FieldRule) -> Any:
    if field.enum_type is not None:
        return next(value.name for value in field.enum_type.values if value.number)
    if rule.decimal:
        return (
            f"{rule.decimal.min:f}"
            if rule.decimal.min
            else "1.5"
            if rule.decimal.max_scale
            else "1"
        )
    if rule.integer:
        return max(rule.integer.min, min(1, rule.integer.max))
    return _BY_FORMAT.get(rule.format)


def value(field: FieldDescriptor) -> Any:
    """An example of one value of a field; None where nobody has thought of one."""
    for known, key in ((_BY_FIELD, field.full_name), (_BY_NAME, field.name)):
        if key in known:
            return known[key]
    if field.message_type is not None:
        return _BY_TYPE.get(field.message_type.full_name)
    return _by_rule(field, read_field(field))


def _put(found: Json, field: FieldDescriptor, example: Any) -> None:
    if example is not None:
        found[field.json_name] = [example] if field.is_repeated else example


def request(message: Descriptor, without: frozenset[str]) -> Json:
    """A request's body: what is required; where nothing is, all but masks and alternatives."""
    fields = list(input_fields(message, without))
    rules = {field.name: read_field(field) for field in fields}
    chosen = [field for field in fields if rules[field.name].required] or [
        field
        for field in fields
        if field.message_type is None or field.message_type.full_name != FIELD_MASK
    ]
    found: Json = {}
    for field in chosen:
        nested = own_message(field)
        _put(found, field, value(field) if nested is None else request(nested, frozenset()))
    return found


def response(message: Descriptor, above: frozenset[str] = frozenset()) -> Json:
    """An answer, whole; `above` are the messages it stands in."""
    inside = above | {message.full_name}
    found: Json = {}
    for field in message.fields:
        nested = own_message(field)
        if field.full_name in _UNTOLD or (nested is not None and nested.full_name in inside):
            continue
        _put(found, field, value(field) if nested is None else response(nested, inside))
    return found
