"""Decimals, ids, page tokens, field rules and errors: pure values."""

from __future__ import annotations

from decimal import Decimal

import grpc
import pytest
from google.rpc import error_details_pb2
from hypothesis import given
from hypothesis import strategies as st
from tradewind.api.v1.reason_pb2 import Reason
from tradewind.auth.v1.auth_pb2 import LoginRequest, RegisterRequest
from tradewind.order.v1.order_pb2 import CreateOrderRequest, ListOrdersRequest, Order
from tradewind.user.v1.account_pb2 import DepositRequest
from tradewind.user.v1.ledger_pb2 import AccountKey, CreateTransfersRequest, Transfer, TransferGroup

from mesh.runtime.decimals import plain, scale_of, to_text, to_units, value_in_cents
from mesh.runtime.errors import CallError, Violation, from_rpc_error, invalid, to_status
from mesh.runtime.ids import fingerprint, first_id_at, new_id
from mesh.runtime.paging import decode_token, encode_token, page_size
from mesh.runtime.validation import validator


def violations(request: object) -> dict[str, str]:
    try:
        validator(request.DESCRIPTOR)(request)  # type: ignore[attr-defined, arg-type]
    except CallError as error:
        return {violation.field: violation.description for violation in error.violations}
    return {}


@given(st.integers(-(10**18), 10**18), st.integers(0, 18))
def test_units_and_text_are_inverse(units: int, scale: int) -> None:
    text = to_text(abs(units), scale)
    assert to_units(text, scale) == abs(units)
    assert to_text(-abs(units), scale) in ("-" + text, text)


def test_point_one_and_point_two_are_point_three() -> None:
    assert to_text(to_units("0.1", 2) + to_units("0.2", 2), 2) == "0.30"


@pytest.mark.parametrize("text", ["1e3", "NaN", "-1", "+1", "", ".", "1.", ".5", " 1", "1_0", "٣"])
def test_what_is_no_plain_decimal_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="plain decimal"):
        to_units(text, 2)


def test_too_many_places_are_refused_but_trailing_zeros_are_not_places() -> None:
    with pytest.raises(ValueError, match="more than 2"):
        to_units("1.001", 2)
    assert to_units("1.1000", 2) == 110
    assert scale_of(Decimal("100")) == 0
    assert plain(Decimal("1E+2")) == "100"


def test_a_buy_costs_the_next_cent_and_a_sell_brings_the_last_whole_one() -> None:
    price = Decimal("0.333333333333")
    assert value_in_cents(1, 0, price, round_up=True) == 34
    assert value_in_cents(1, 0, price, round_up=False) == 33
    assert value_in_cents(3, 0, Decimal("0.5"), round_up=True) == 150


def test_ids_are_unique_uuids_that_sort_by_time() -> None:
    ids = [new_id() for _ in range(20_000)]
    assert ids == sorted(set(ids))
    assert all(found[14] == "7" and found[19] in "89ab" for found in ids)
    assert first_id_at(0) < ids[0] < first_id_at(4_000_000_000)


def test_equal_values_have_equal_fingerprints() -> None:
    assert fingerprint("a", 1) == fingerprint("a", 1) != fingerprint("a", 2)


def test_page_sizes_have_a_default_and_a_most() -> None:
    assert [page_size(asked) for asked in (0, 1, 100, 101)] == [50, 1, 100, 100]


def test_a_page_token_belongs_to_its_query() -> None:
    token = encode_token("x", "user", 7)
    assert decode_token(token, str, "user", 7) == "x"
    for arguments in [(str, "user", 8), (int, "user", 7)]:
        with pytest.raises(CallError) as refused:
            decode_token(token, *arguments)
        assert refused.value.violations[0].field == "pageToken"


@pytest.mark.parametrize("token", ["", "?", "YQ", "W10", "AAAA", "é"])
def test_a_forged_page_token_is_a_violation(token: str) -> None:
    with pytest.raises(CallError) as refused:
        decode_token(token, str)
    assert refused.value.reason is Reason.FIELD_INVALID


def order(**changes: object) -> CreateOrderRequest:
    good: dict[str, object] = {
        "request_id": "r-1",
        "asset_id": "BTC",
        "side": Order.BUY,
        "type": Order.MARKET,
        "quantity": "0.5",
    }
    return CreateOrderRequest(**(good | changes))  # type: ignore[arg-type]


def test_a_good_order_has_no_violations() -> None:
    assert violations(order()) == {}
    assert violations(order(max_price="0.000000000001")) == {}


def test_all_violations_are_told_at_once() -> None:
    found = violations(CreateOrderRequest(quantity="-1", asset_id="btc"))
    assert set(found) == {"requestId", "assetId", "side", "type", "quantity"}
    assert found["requestId"] == "is required"


@pytest.mark.parametrize(
    ("quantity", "rule"),
    [
        ("1e3", "plain decimal"),
        ("NaN", "plain decimal"),
        ("-1", "plain decimal"),
        ("9" * 400, "plain decimal"),
        ("0", "above zero"),
        ("0.0000000000000000001", "at most 18 decimal places"),
        ("1000000000001", "at most 1000000000000"),
    ],
)
def test_bad_quantities_are_named_with_their_rule(quantity: str, rule: str) -> None:
    assert rule in violations(order(quantity=quantity))["quantity"]


def test_bounds_of_amounts_hold() -> None:
    assert "at least 0.01" in violations(DepositRequest(amount="0", request_id="a"))["amount"]
    assert violations(DepositRequest(amount="0.01", request_id="a")) == {}
    assert "requestId" in violations(DepositRequest(amount="1", request_id="a b"))


def test_unknown_enum_numbers_and_negative_sizes_are_refused() -> None:
    assert "known values" in violations(order(side=7))["side"]
    assert "pageSize" in violations(ListOrdersRequest(page_size=-1))


def test_an_optional_field_that_is_set_must_be_good() -> None:
    assert "maxPrice" in violations(order(max_price=""))


def test_nested_items_are_named_by_their_path() -> None:
    usd = AccountKey(owner="a", asset_id="usd")
    group = TransferGroup(group_id="g", transfers=[Transfer(debit=usd, amount=0)])
    found = violations(CreateTransfersRequest(groups=[group]))
    assert found["groups[0].transfers[0].debit.assetId"].startswith("must match")
    assert found["groups[0].transfers[0].credit"] == "is required"
    assert "groups" in violations(CreateTransfersRequest())
    many = CreateTransfersRequest(groups=[group] * 501)
    assert violations(many) == {"groups": "must have at most 500 items"}


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"username": "1abc"}, "username"),
        ({"email": "nobody"}, "email"),
        ({"email": "a@b"}, "email"),
        ({"password": "short"}, "password"),
        ({"phone": "0123"}, "phone"),
        ({"date_of_birth": "2999-01-01"}, "dateOfBirth"),
        ({"date_of_birth": "20000101"}, "dateOfBirth"),
        ({"date_of_birth": "2000-13-01"}, "dateOfBirth"),
        ({"first_name": "a\x00b"}, "firstName"),
        ({"last_name": "x" * 101}, "lastName"),
    ],
)
def test_formats_are_checked(changes: dict[str, str], field: str) -> None:
    good = {
        "username": "ada",
        "email": "ada@example.com",
        "password": "correct horse",
        "first_name": "Ada",
        "last_name": "Lovelace",
        "phone": "+4915112345678",
        "date_of_birth": "1990-12-10",
    }
    assert violations(RegisterRequest(**good)) == {}  # type: ignore[arg-type]
    assert set(violations(RegisterRequest(**(good | changes)))) == {field}  # type: ignore[arg-type]


def test_a_secret_never_appears_in_its_violation() -> None:
    found = violations(LoginRequest(username="ada", password="p" * 200))
    assert "ppp" not in found["password"]


def test_a_status_carries_reason_violations_delay_and_trace() -> None:
    error = invalid(Violation("a", "x"), Violation("b", "y"))
    error.retry_after_s = 1.5
    status = to_status(error, "abc")
    info, bad, retry, request = (
        error_details_pb2.ErrorInfo(),
        error_details_pb2.BadRequest(),
        error_details_pb2.RetryInfo(),
        error_details_pb2.RequestInfo(),
    )
    for detail, message in zip(status.details, (info, bad, retry, request), strict=True):
        assert detail.Unpack(message)
    assert status.code == grpc.StatusCode.INVALID_ARGUMENT.value[0]
    assert (info.reason, info.domain) == ("FIELD_INVALID", "tradewind")
    assert [violation.field for violation in bad.field_violations] == ["a", "b"]
    assert retry.retry_delay.ToMilliseconds() == 1500
    assert request.request_id == "abc"


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        (grpc.StatusCode.UNAVAILABLE, Reason.SERVICE_UNAVAILABLE),
        (grpc.StatusCode.DEADLINE_EXCEEDED, Reason.DEADLINE_EXCEEDED),
        (grpc.StatusCode.PERMISSION_DENIED, Reason.INTERNAL),
    ],
)
def test_a_peers_words_stay_inside(code: grpc.StatusCode, reason: Reason) -> None:
    metadata = grpc.aio.Metadata()
    error = grpc.aio.AioRpcError(code, metadata, metadata, "secret internals")
    told = from_rpc_error(error)
    assert told.reason == reason
    assert "secret" not in told.message
