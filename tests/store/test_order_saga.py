"""Market orders reach their end, and nothing happens twice, wherever a driver stops.

The order's own database is real, of both kinds; stock and ledger keep the
promises of their contracts in memory, and fail where a test tells them to.
"""

from __future__ import annotations

import asyncio
from dataclasses import replace
from itertools import product
from typing import Any

import pytest
from opentelemetry.context import Context
from sqlalchemy import Select, select, text
from tradewind.api.v1.reason_pb2 import Reason

from mesh.runtime.ids import new_id
from services.order.domain.order import Side, State
from services.order.store.open import DUE, crossed_by
from services.order.store.orders import FREE
from services.order.store.reads import Wanted, page_of
from services.order.store.tables import order_events
from tests.store.conftest import OpenDatabase
from tests.support.trading import ORIGIN, Trading, new_order


async def test_an_order_is_filled_answered_and_settled(trading: Trading) -> None:
    order = new_order()
    answered = await trading.place(order)
    assert answered is not None
    assert (answered.state, answered.price, answered.total) == (State.FILLED, "100", 20_000)
    assert (await trading.check(order)).revision == 2
    async with trading.database.read() as connection:
        rows = list(await connection.execute(select(order_events).order_by("revision")))
    assert [(row.state, row.order_id) for row in rows] == [
        (State.PENDING, order.order_id),
        (State.FILLED, order.order_id),
    ]
    assert rows[0].trace_id == ORIGIN.split("-")[1]


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"max_price": "99"}, Reason.PRICE_BOUND),
        ({"quantity": 10**13}, Reason.OUT_OF_STOCK),
        ({"quantity": 100_001}, Reason.NOTIONAL_LIMIT),
        ({"quantity": 100_001, "side": Side.SELL}, Reason.NOTIONAL_LIMIT),
        ({"side": Side.SELL}, Reason.INSUFFICIENT_HOLDING),
    ],
)
async def test_a_refused_order_moves_nothing(
    trading: Trading, changed: dict[str, object], reason: Reason
) -> None:
    before = trading.stock.available
    order = new_order(**changed)
    answered = await trading.place(order)
    assert answered is not None
    assert (answered.state, answered.reason) == (State.REJECTED, reason)
    await trading.check(order)
    assert trading.stock.available == before


async def test_an_order_worth_less_than_a_cent_is_refused(trading: Trading) -> None:
    trading.stock.price = "0.004"
    order = new_order(quantity=1000)
    await trading.place(order)
    assert (await trading.check(order)).reason == Reason.AMOUNT_TOO_SMALL


STOPS = [
    ("create", "after"),
    *product(["reserve", "post", "decide", "commit", "settle"], ["before", "after"]),
]


@pytest.mark.parametrize(("step", "when"), STOPS)
@pytest.mark.parametrize("late", [False, True], ids=["in time", "late"])
async def test_a_buy_ends_once_wherever_its_driver_stops(
    trading: Trading, step: str, when: str, late: bool
) -> None:
    trading.faults.planned.add((step, when))
    order = new_order()
    run = trading.saga.place(order, Context())
    await trading.saga.drain()
    assert not trading.faults.planned
    assert step == "create" or not run.accepted.exception()
    if late:
        trading.clock.pass_s(11)
    await trading.recover()
    passed = (step, when) not in {
        ("create", "after"),
        ("reserve", "before"),
        ("reserve", "after"),
        ("post", "before"),
    }
    found = await trading.check(order)
    assert found.state is (State.FILLED if passed or not late else State.REJECTED)
    assert found.reason == (Reason.NOT_FILLED_IN_TIME if late and not passed else 0)


@pytest.mark.parametrize(
    ("step", "when"), list(product(["cancel", "decide", "release", "settle"], ["before", "after"]))
)
async def test_a_refusal_ends_once_wherever_its_driver_stops(
    trading: Trading, step: str, when: str
) -> None:
    before = trading.stock.available
    trading.faults.planned.add((step, when))
    order = new_order(quantity=200_000)
    await trading.place(order)
    await trading.recover()
    assert (await trading.check(order)).reason == Reason.NOTIONAL_LIMIT
    assert trading.stock.available == before


async def test_what_was_posted_is_filled_though_the_limit_sank_since(trading: Trading) -> None:
    trading.faults.planned.add(("post", "after"))
    order = new_order()
    assert await trading.place(order) is None
    trading.limit = 1
    await trading.recover()
    assert (await trading.check(order)).state is State.FILLED


async def test_a_posting_still_on_its_way_comes_too_late_for_an_order_given_up(
    trading: Trading,
) -> None:
    gate = trading.faults.hold("post")
    order = new_order()
    run = trading.saga.place(order, Context())
    await trading.faults.reached["post"].wait()
    trading.clock.pass_s(11)
    await trading.recover()
    gate.set()
    await trading.saga.drain()
    answered = await run.decided
    assert answered is not None
    assert answered.reason == Reason.NOT_FILLED_IN_TIME
    assert (await trading.check(order)).state is State.REJECTED


async def test_repeats_at_once_make_one_order(trading: Trading) -> None:
    user = new_id()
    placed = [new_order(user_id=user) for _ in range(16)]
    runs = [trading.saga.place(order, Context()) for order in placed]
    await trading.saga.drain()
    accepted = {(await run.accepted).order_id for run in runs}
    assert len(accepted) == 1
    assert trading.ledger.moved[user, "USD"] == -20_000
    again = trading.saga.place(new_order(user_id=user, fingerprint="other"), Context())
    found = await again.accepted
    assert ({found.order_id}, found.fingerprint) == (accepted, "f")


async def test_orders_that_wait_together_share_each_step(trading: Trading) -> None:
    placed = [new_order(quantity=1000 if n % 2 else 200_000) for n in range(100)]
    runs = [trading.saga.place(order, Context()) for order in placed]
    await trading.saga.drain()
    for order, run in zip(placed, runs, strict=True):
        answered = await run.decided
        assert answered is not None
        assert answered.state is (State.FILLED if order.quantity == 1000 else State.REJECTED)
        await trading.check(order)
    assert trading.stock.calls["reserve"] <= 20
    assert trading.ledger.calls["post"] <= 20


async def test_a_driven_order_is_left_to_its_driver_for_the_time_of_its_lease(
    database: OpenDatabase,
) -> None:
    trading = Trading(await database("order"), lease_s=5)
    trading.faults.planned.add(("reserve", "before"))
    assert await trading.place(new_order()) is None
    trading.clock.pass_s(4)
    assert await trading.process().sweeper.recover() == 0
    trading.clock.pass_s(1)
    assert await trading.process().sweeper.recover() == 1
    assert await trading.reads.unsettled() == 0


async def test_sweepers_at_once_share_what_there_is(trading: Trading) -> None:
    for _ in range(6):
        trading.faults.planned.add(("reserve", "before"))
        await trading.place(new_order())
    await asyncio.gather(*(trading.process().sweeper.recover() for _ in range(3)))
    assert await trading.reads.unsettled() == 0


async def test_a_page_is_newest_first_and_of_one_customer(trading: Trading) -> None:
    user = new_id()
    placed = [new_order(user_id=user, request_id=str(n)) for n in range(5)]
    for order in [*placed, new_order()]:
        await trading.place(order)
    newest = [order.order_id for order in reversed(placed)]
    always = Wanted(-(2**62), 2**62, "~")
    first = await trading.reads.page(user, always, 3)
    assert [order.order_id for order in first] == newest[:3]
    rest = await trading.reads.page(user, replace(always, before=first[-1].order_id), 3)
    assert [order.order_id for order in rest] == newest[3:]
    assert not await trading.reads.page(
        user, replace(always, until=first[-1].created_at - 10**9), 3
    )


_PAGE = Wanted(-(2**62), 2**62, "~")
HOT: list[tuple[str, Select[Any]]] = [
    ("orders_unsettled", FREE),
    ("orders_expiry", DUE),
    ("orders_open", crossed_by({"BTC": 5, "ETH": 6}, 0, 200)),
    ("orders_newest", page_of("user", _PAGE, 50)),
    ("orders_by_state", page_of("user", replace(_PAGE, states=(State.REJECTED,)), 50)),
    ("orders_by_asset", page_of("user", replace(_PAGE, asset_id="BTC"), 50)),
]


@pytest.mark.parametrize(("index", "statement"), HOT, ids=[index for index, _ in HOT])
async def test_hot_statements_read_their_indexes(
    trading: Trading, statement: Select[Any], index: str
) -> None:
    database = trading.database
    explain = "EXPLAIN" if database.is_postgresql else "EXPLAIN QUERY PLAN"
    async with database.read() as connection:
        if database.is_postgresql:
            # A small table would be scanned, whatever its indexes.
            await connection.execute(text("SET enable_seqscan = off"))
        written = (
            statement.params(now=0)
            .limit(200)
            .compile(dialect=connection.dialect, compile_kwargs={"literal_binds": True})
        )
        plan = str(list(await connection.exec_driver_sql(f"{explain} {written}")))
    assert index in plan, plan
