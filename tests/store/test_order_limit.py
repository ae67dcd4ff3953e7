"""Limit orders: held, filled when the market comes, cancelled, expired; each of it once."""

from __future__ import annotations

import asyncio
from itertools import product
from typing import Any

import pytest
from tradewind.api.v1.reason_pb2 import Reason

from mesh.runtime.ids import new_id
from services.order.domain.order import Order, Side, State
from services.order.domain.transitions import Cancelled, Claimed, Decision, Expired
from tests.support.trading import Trading, limit_order

LASTING = 10_000_000


async def cross(trading: Trading, price: str) -> int:
    """The market comes to a price, and a process looks at it."""
    trading.stock.price = price
    return await trading.here.cross()


def sell(**changed: Any) -> Order:
    return limit_order("110", side=Side.SELL, **changed)


async def test_a_limit_buy_rests_and_fills_when_the_market_comes_down_to_it(
    trading: Trading,
) -> None:
    order = limit_order("90")
    answered = await trading.place(order)
    assert answered is not None
    assert answered.state is State.OPEN
    assert trading.ledger.available(order.user_id, "USD") == trading.ledger.cents - 18_000
    assert await cross(trading, "90.01") == 0
    assert (await trading.check(order)).state is State.OPEN
    assert await cross(trading, "89.5") == 1
    found = await trading.check(order)
    assert (found.state, found.price, found.total) == (State.FILLED, "89.5", 17_900)
    assert trading.ledger.available(order.user_id, "USD") == trading.ledger.cents - 17_900


async def test_the_limit_itself_is_reached(trading: Trading) -> None:
    order = limit_order("90")
    await trading.place(order)
    assert await cross(trading, "90") == 1
    assert (await trading.check(order)).state is State.FILLED


async def test_a_limit_sell_holds_its_units_and_fills_at_the_better_price(
    trading: Trading,
) -> None:
    order = sell()
    trading.ledger.given[order.user_id] = order.quantity
    await trading.place(order)
    assert trading.ledger.available(order.user_id, "BTC") == 0
    assert await cross(trading, "109.99") == 0
    assert await cross(trading, "112") == 1
    found = await trading.check(order)
    assert (found.state, found.total) == (State.FILLED, 22_400)
    assert trading.ledger.available(order.user_id, "BTC") == 0


async def test_an_order_that_crosses_when_placed_is_filled_at_once(trading: Trading) -> None:
    await cross(trading, "100")
    order = limit_order("101")
    answered = await trading.place(order)
    assert answered is not None
    assert (answered.state, answered.price) == (State.FILLED, "100")
    await trading.check(order)


@pytest.mark.parametrize(
    ("order", "reason"),
    [
        (limit_order("90", quantity=200_000), Reason.NOTIONAL_LIMIT),
        (limit_order("0.01", quantity=1), Reason.AMOUNT_TOO_SMALL),
        (sell(), Reason.INSUFFICIENT_HOLDING),
    ],
)
async def test_a_limit_order_that_may_not_be_is_refused(
    trading: Trading, order: Order, reason: Reason
) -> None:
    answered = await trading.place(order)
    assert answered is not None
    assert (answered.state, answered.reason) == (State.REJECTED, reason)
    await trading.check(order)


async def test_a_cancelled_order_gives_back_what_it_held(trading: Trading) -> None:
    order = limit_order()
    opened = await trading.place(order)
    assert opened is not None
    cancelled = await trading.change(opened, Cancelled())
    assert cancelled is not None
    assert cancelled.state is State.CANCELLED
    await trading.check(order)
    assert trading.ledger.available(order.user_id, "USD") == trading.ledger.cents
    again = await trading.change(opened, Cancelled())
    assert again is not None
    assert again.revision == cancelled.revision


async def test_an_order_expires_at_its_time_and_is_not_filled_from_then_on(
    trading: Trading,
) -> None:
    order = limit_order()
    await trading.place(order)
    trading.clock.pass_s(3599)
    assert await trading.here.sweeper.expire() == 0
    trading.clock.pass_s(1)
    assert await cross(trading, "1") == 0
    assert await trading.here.sweeper.expire() == 1
    assert (await trading.check(order)).state is State.EXPIRED
    assert trading.ledger.available(order.user_id, "USD") == trading.ledger.cents


async def test_an_order_that_stock_cannot_fill_rests_until_it_can(trading: Trading) -> None:
    order = limit_order()
    await trading.place(order)
    available, trading.stock.available = trading.stock.available, 1
    assert await cross(trading, "80") == 1
    assert (await trading.check(order)).state is State.OPEN
    trading.stock.available = available
    assert await cross(trading, "80") == 0
    trading.clock.pass_s(2)
    assert await cross(trading, "80") == 1
    found = await trading.check(order)
    assert found.state is State.FILLED
    states = [event.state for event in await trading.reads.events(order.order_id)]
    assert states == [
        State.PENDING,
        State.OPEN,
        State.FILLING,
        State.OPEN,
        State.FILLING,
        State.FILLED,
    ]


RACES: list[tuple[Decision, Decision]] = [
    (Cancelled(), Claimed("00000000-0000-7000-8000-000000000001", LASTING)),
    (Expired(), Claimed("00000000-0000-7000-8000-000000000002", LASTING)),
    (Cancelled(), Cancelled()),
    (Cancelled(), Expired()),
]


@pytest.mark.parametrize("race", RACES, ids=str)
@pytest.mark.parametrize("turned", [False, True])
async def test_a_race_is_decided_once(
    trading: Trading, race: tuple[Decision, Decision], turned: bool
) -> None:
    order = limit_order()
    opened = await trading.place(order)
    assert opened is not None
    trading.stock.price = "80"
    processes = [trading.process() for _ in race]
    for process, decision in zip(processes, race[::-1] if turned else race, strict=True):
        process.saga.change(opened, decision, trading.clock.now)
    await asyncio.gather(*(process.saga.drain() for process in processes))
    found = await trading.check(order)
    assert found.state in {State.FILLED, State.CANCELLED, State.EXPIRED}
    assert len(await trading.reads.events(order.order_id)) in {3, 4}


async def test_two_replicas_that_see_the_same_tick_fill_an_order_once(trading: Trading) -> None:
    placed = [limit_order() for _ in range(20)]
    for order in placed:
        await trading.place(order)
    trading.stock.price = "85"
    replicas = [trading.process() for _ in range(3)]
    await asyncio.gather(*(each.cross() for each in replicas))
    for order in placed:
        assert (await trading.check(order)).state is State.FILLED


LIMIT_STOPS = [
    *product(["post", "decide"], ["before", "after"], ["hold"]),
    *product(["reserve", "post", "decide", "commit", "settle"], ["before", "after"], ["fill"]),
    *product(["decide", "post", "settle"], ["before", "after"], ["cancel", "expire"]),
    *product(["cancel", "release", "decide"], ["before", "after"], ["give up"]),
]


@pytest.mark.parametrize(("step", "when", "stage"), LIMIT_STOPS)
@pytest.mark.parametrize("late", [False, True], ids=["in time", "late"])
async def test_a_limit_order_ends_once_wherever_its_driver_stops(
    trading: Trading, step: str, when: str, stage: str, late: bool
) -> None:
    order = limit_order()
    if stage == "hold":
        trading.faults.planned.add((step, when))
    opened = await trading.place(order)
    if stage != "hold":
        assert opened is not None
        trading.stock.price = "80"
        if stage == "give up":
            # The first driver stops before the pivot, the next one while it goes back.
            trading.faults.planned.add(("post", "before"))
            await trading.change(opened, Claimed(new_id(), LASTING))
            trading.clock.pass_s(11)
        trading.faults.planned.add((step, when))
        decision: dict[str, Decision] = {
            "fill": Claimed(new_id(), LASTING),
            "cancel": Cancelled(),
            "expire": Expired(),
        }
        if stage == "give up":
            await trading.here.sweeper.recover()
        else:
            await trading.change(opened, decision[stage])
    assert not trading.faults.planned
    if late:
        trading.clock.pass_s(11)
    await trading.recover()
    found = await trading.check(order)
    before_claim = (step, when) == ("decide", "before")
    expected = {
        "hold": {State.OPEN, State.REJECTED} if late else {State.OPEN},
        "fill": {State.OPEN} if before_claim else {State.FILLED, State.OPEN},
        "give up": {State.OPEN},
        "cancel": {State.OPEN} if before_claim else {State.CANCELLED},
        "expire": {State.OPEN} if before_claim else {State.EXPIRED},
    }
    assert found.state in expected[stage]
    if stage == "fill" and not late and not before_claim:
        assert found.state is State.FILLED
