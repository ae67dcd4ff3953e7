"""What may become of an order, and what it is worth."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tradewind.api.v1.reason_pb2 import Reason

from services.order.domain.order import FINAL, Order, Side, State, Type
from services.order.domain.terms import crosses, executed, hold_of, refusal
from services.order.domain.transitions import (
    LONGEST_PAUSE,
    TRANSITIONS,
    Cancelled,
    Claimed,
    Course,
    Decision,
    Expired,
    Filled,
    Opened,
    Rejected,
    Reopened,
    course,
    decided,
    took,
)

FILLED = Filled("100.5", 1005)
REJECTED = Rejected(Reason.OUT_OF_STOCK)
DECISIONS: list[Decision] = [
    FILLED,
    REJECTED,
    Opened(),
    Claimed("new attempt", 500),
    Reopened(),
    Cancelled(),
    Expired(),
]
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


@pytest.mark.parametrize(("state", "decision"), list(product(State, DECISIONS)), ids=str)
def test_an_order_changes_as_the_table_says_and_no_other_way(
    state: State, decision: Decision
) -> None:
    after = decided(order(state), "attempt", decision, 20)
    expected = TRANSITIONS.get((state, type(decision)))
    if expected is None:
        assert after is None
        return
    assert after is not None
    assert (after.state, after.revision, after.updated_at) == (expected, 2, 20)
    assert took(decision, after)
    assert not after.settled


def test_the_end_of_an_order_is_never_left() -> None:
    assert not [state for state, _ in TRANSITIONS if state in FINAL]
    assert {to for to in TRANSITIONS.values() if to in FINAL} == FINAL


def test_a_claim_begins_a_new_attempt() -> None:
    claimed = decided(order(State.OPEN), "attempt", Claimed("another", 500), 20)
    assert claimed is not None
    assert (claimed.attempt_id, claimed.attempt_until) == ("another", 520)
    assert not took(Claimed("mine", 500), claimed)
    assert decided(claimed, "attempt", FILLED, 30) is None


def test_an_order_that_cannot_be_filled_is_tried_again_ever_more_slowly() -> None:
    found, pauses = order(State.FILLING), []
    for _ in range(12):
        after = decided(found, "attempt", Reopened(), 1000)
        assert after is not None
        pauses.append(after.retry_at - 1000)
        found = replace(after, state=State.FILLING)
    assert pauses == sorted(pauses)
    assert pauses[0] < pauses[1] < pauses[-1] == LONGEST_PAUSE


def test_a_decision_on_another_attempt_changes_nothing() -> None:
    assert decided(order(), "another attempt", FILLED, 20) is None


def test_a_clock_that_goes_back_takes_no_order_back() -> None:
    after = decided(order(), "attempt", REJECTED, 5)
    assert after is not None
    assert after.updated_at == 10


@pytest.mark.parametrize(
    ("state", "kind", "settled", "now", "expected"),
    [
        (State.PENDING, Type.MARKET, False, 999, Course.FILL),
        (State.PENDING, Type.MARKET, False, 1000, Course.GIVE_UP),
        (State.PENDING, Type.LIMIT, False, 999, Course.HOLD),
        (State.PENDING, Type.LIMIT, False, 1000, Course.DROP),
        (State.OPEN, Type.LIMIT, False, 5000, Course.NONE),
        (State.FILLING, Type.LIMIT, False, 999, Course.FILL),
        (State.FILLING, Type.LIMIT, False, 1000, Course.GIVE_UP),
        (State.FILLED, Type.LIMIT, False, 0, Course.SETTLE),
        (State.REJECTED, Type.MARKET, False, 2000, Course.SETTLE),
        (State.CANCELLED, Type.LIMIT, False, 0, Course.SETTLE),
        (State.EXPIRED, Type.LIMIT, False, 0, Course.SETTLE),
        (State.EXPIRED, Type.LIMIT, True, 0, Course.NONE),
    ],
)
def test_where_a_driver_takes_an_order(
    state: State, kind: Type, settled: bool, now: int, expected: Course
) -> None:
    assert course(replace(order(state), settled=settled, type=kind), now) is expected


@pytest.mark.parametrize(
    ("side", "market", "expected"),
    [
        (Side.BUY, 99, True),
        (Side.BUY, 100, True),
        (Side.BUY, 101, False),
        (Side.SELL, 99, False),
        (Side.SELL, 100, True),
        (Side.SELL, 101, True),
    ],
)
def test_the_limit_itself_trades(side: Side, market: int, expected: bool) -> None:
    assert crosses(side, 100, market) is expected


def test_a_buy_holds_its_cost_at_the_limit_and_a_sell_its_units() -> None:
    buy = replace(order(quantity=10), limit_price="1.11")
    assert hold_of(buy) == 2
    assert hold_of(replace(buy, side=Side.SELL)) == 10


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
