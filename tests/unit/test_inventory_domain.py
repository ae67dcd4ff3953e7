"""What stock decides: tables of decisions, and conservation over random operations."""

from __future__ import annotations

from decimal import Decimal
from random import Random

import pytest
from tradewind.api.v1.reason_pb2 import Reason

from services.inventory.assets import initial_units, load_snapshot
from services.inventory.domain import (
    Attempt,
    Book,
    Commit,
    Level,
    Operation,
    Quote,
    Release,
    Reserve,
    Side,
    State,
)

NOW, MAX_AGE = 1_000_000_000, 30_000_000


def book(available: int = 10, price_time: int = NOW) -> Book:
    return Book(
        {}, {"BTC": Level("BTC", available, 0, available)},
        {"BTC": Quote("100.50", price_time)}, NOW, MAX_AGE,
    )  # fmt: skip


def buy(quantity: int = 4, key: str = "a") -> Reserve:
    return Reserve(key, "BTC", Side.BUY, quantity)


def sell(quantity: int = 4, key: str = "a") -> Reserve:
    return Reserve(key, "BTC", Side.SELL, quantity)


def bounded(side: Side, *, most: str | None = None, least: str | None = None) -> Reserve:
    return Reserve(
        "a", "BTC", side, 1, Decimal(most) if most else None, Decimal(least) if least else None
    )


@pytest.mark.parametrize(
    ("operations", "state", "available", "reserved"),
    [
        ([buy()], State.RESERVED, 6, 4),
        ([buy(10)], State.RESERVED, 0, 10),
        ([buy(11)], State.REFUSED, 10, 0),
        ([sell()], State.RESERVED, 10, 0),
        ([buy(), buy()], State.RESERVED, 6, 4),
        ([buy(), Commit("a")], State.COMMITTED, 6, 0),
        ([buy(), Commit("a"), Commit("a")], State.COMMITTED, 6, 0),
        ([sell(), Commit("a"), Commit("a")], State.COMMITTED, 14, 0),
        ([buy(), Release("a"), Release("a")], State.RELEASED, 10, 0),
        ([sell(), Release("a")], State.RELEASED, 10, 0),
        ([buy(), Commit("a"), Release("a")], State.COMMITTED, 6, 0),
        ([buy(), Release("a"), Commit("a")], State.RELEASED, 10, 0),
        ([buy(11), Release("a")], State.REFUSED, 10, 0),
        ([buy(11), Commit("a")], State.REFUSED, 10, 0),
        ([Release("a"), buy()], State.RELEASED, 10, 0),
        ([Commit("a")], State.NONE, 10, 0),
    ],
)
def test_operations_lead_to_one_state(
    operations: list[Operation], state: State, available: int, reserved: int
) -> None:
    stock = book()
    outcomes = [stock.apply(operation) for operation in operations]
    assert outcomes[-1].state is state
    assert stock.levels["BTC"] == Level("BTC", available, reserved, 10)


@pytest.mark.parametrize(
    ("request_", "reason"),
    [
        (bounded(Side.BUY, most="100.49"), Reason.PRICE_BOUND),
        (bounded(Side.SELL, most="100.49"), Reason.PRICE_BOUND),
        (bounded(Side.BUY, least="100.51"), Reason.PRICE_BOUND),
        (bounded(Side.SELL, least="100.51"), Reason.PRICE_BOUND),
        (bounded(Side.BUY, most="100.5", least="100.5"), Reason.REASON_UNSPECIFIED),
        (buy(11), Reason.OUT_OF_STOCK),
        (Reserve("a", "NOPE", Side.BUY, 1), Reason.ASSET_NOT_FOUND),
    ],
)
def test_a_reservation_is_refused_for_its_reason(request_: Reserve, reason: Reason) -> None:
    outcome = book().apply(request_)
    assert outcome.reason == reason
    assert outcome.price == ("" if reason else "100.50")


@pytest.mark.parametrize(("age", "state"), [(MAX_AGE, 1), (MAX_AGE + 1, 2)])
def test_an_old_price_does_not_trade(age: int, state: int) -> None:
    outcome = book(price_time=NOW - age).apply(sell())
    assert outcome.state == state
    assert (outcome.reason == Reason.PRICES_STALE) == (state == State.REFUSED)


def test_other_content_under_a_used_id_is_refused_and_changes_nothing() -> None:
    stock = book()
    first = stock.apply(buy(4))
    assert stock.apply(buy(5)).reason == Reason.REQUEST_ID_REUSED
    assert stock.attempts["a"] == first
    assert stock.levels["BTC"].reserved == 4


def random_operation(rng: Random) -> Operation:
    key = f"k{rng.randrange(60)}"
    match rng.randrange(3):
        case 0:
            # One content for each id: repeats are true repeats.
            side = Side.BUY if int(key[1:]) % 3 else Side.SELL
            return Reserve(key, "BTC", side, int(key[1:]) % 7 + 1)
        case 1:
            return Commit(key)
        case _:
            return Release(key)


@pytest.mark.parametrize("seed", range(20))
def test_units_are_conserved_whatever_happens(seed: int) -> None:
    rng, stock = Random(seed), book(50)
    first: dict[str, Attempt] = {}
    for _ in range(500):
        operation = random_operation(rng)
        outcome = stock.apply(operation)
        if isinstance(operation, Reserve):
            decided = first.setdefault(operation.attempt_id, outcome)
            assert outcome.price == decided.price
        level = stock.levels["BTC"]
        done = [a for a in stock.attempts.values() if a.state is State.COMMITTED]
        bought = sum(a.quantity for a in done if a.side is Side.BUY)
        sold = sum(a.quantity for a in done if a.side is Side.SELL)
        assert level.available >= 0
        assert level.reserved >= 0
        assert level.available + level.reserved + bought - sold == level.put_in == 50


def test_the_snapshot_holds_usable_assets() -> None:
    snapshot = load_snapshot()
    names = {asset.asset_id for asset in snapshot}
    assert len(names) == len(snapshot) >= 55
    assert {"BTC", "ETH", "DOGE", "SOL", "XRP", "OP"} <= names
    assert "USD" not in names
    assert sorted(asset.rank for asset in snapshot) == list(range(1, len(snapshot) + 1))
    assert all(0 < initial_units(asset) < 1 << 62 for asset in snapshot)
