"""What may become of an order, and what it is worth."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tradewind.api.v1.reason_pb2 import Reason

from services.order.domain import (
    Course,
    Decision,
    Filled,
    Order,
    Rejected,
    Side,
    State,
    course,
    decided,
    executed,
    refusal,
)

FILLED = Filled("100.5", 1005)
REJECTED = Rejected(Reason.OUT_OF_STOCK)
LIMIT = 1_000_000


def order(state: State = State.PENDING, side: Side = Side.BUY, quantity: int = 100) -> Order:
    return Order(
        order_id="order",
        user_id="user",
        request_id="request",
        fingerprint="f",
        asset_id="BTC",
        side=side,
        quantity=quantity,
        quantity_scale=3,
        attempt_id="attempt",
        state=state,
        attempt_until=1000,
        created_at=10,
        updated_at=10,
    )


@pytest.mark.parametrize(("state", "decision"), list(product(State, [FILLED, REJECTED])), ids=str)
def test_only_a_pending_order_is_decided(state: State, decision: Decision) -> None:
    after = decided(order(state), "attempt", decision, 20)
    if state is not State.PENDING:
        assert after is None
        return
    assert after is not None
    assert after.state is (State.FILLED if decision is FILLED else State.REJECTED)
    assert (after.revision, after.updated_at, after.settled) == (2, 20, False)


def test_a_decision_on_another_attempt_changes_nothing() -> None:
    assert decided(order(), "another attempt", FILLED, 20) is None


def test_a_clock_that_goes_back_takes_no_order_back() -> None:
    after = decided(order(), "attempt", REJECTED, 5)
    assert after is not None
    assert after.updated_at == 10


@pytest.mark.parametrize(
    ("state", "settled", "now", "expected"),
    [
        (State.PENDING, False, 999, Course.FORWARD),
        (State.PENDING, False, 1000, Course.BACKWARD),
        (State.FILLED, False, 0, Course.SETTLE),
        (State.REJECTED, False, 2000, Course.SETTLE),
        (State.FILLED, True, 0, Course.NONE),
        (State.REJECTED, True, 0, Course.NONE),
    ],
)
def test_where_a_driver_takes_an_order(
    state: State, settled: bool, now: int, expected: Course
) -> None:
    assert course(replace(order(state), settled=settled), now) is expected


def test_a_buy_costs_the_cent_it_touches_and_a_sell_pays_whole_cents() -> None:
    assert executed(order(quantity=1), "1.11").total == 1
    assert executed(order(quantity=10), "1.11").total == 2
    assert executed(order(side=Side.SELL, quantity=10), "1.19").total == 1


@pytest.mark.parametrize("side", Side)
def test_what_is_worth_less_than_a_cent_is_refused(side: Side) -> None:
    assert refusal(order(side=side, quantity=9), "1", LIMIT) == Reason.AMOUNT_TOO_SMALL
    assert refusal(order(side=side, quantity=10), "1", LIMIT) is None


@pytest.mark.parametrize("side", Side)
def test_the_limit_holds_at_the_executed_price_whichever_way_it_rounds(side: Side) -> None:
    whole = order(side=side, quantity=1000)
    assert refusal(whole, "10000", LIMIT) is None
    assert refusal(whole, "10000.000000000001", LIMIT) == Reason.NOTIONAL_LIMIT


@given(
    quantity=st.integers(1, 4 * 10**18),
    scale=st.integers(0, 18),
    price=st.decimals("0.000000000001", "1000000", places=12),
)
def test_rounding_never_gives_a_customer_a_part_of_a_cent(
    quantity: int, scale: int, price: Decimal
) -> None:
    exact = price * quantity * 100 / Decimal(10) ** scale
    buy = replace(order(quantity=quantity), quantity_scale=scale)
    sell = replace(buy, side=Side.SELL)
    paid, received = executed(buy, str(price)).total, executed(sell, str(price)).total
    assert received <= exact <= paid
    assert paid - received <= 1
