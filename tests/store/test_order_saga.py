"""Orders reach their end, and nothing happens twice, wherever a driver stops.

The order's own database is real, of both kinds; stock and ledger keep the
promises of their contracts in memory, and fail where a test tells them to.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import product

import pytest
from opentelemetry.context import Context
from sqlalchemy import select, text, update
from tradewind.api.v1.reason_pb2 import Reason
from tradewind.inventory.v1.stock_pb2 import Attempt
from tradewind.user.v1.ledger_pb2 import GroupDecision

from mesh.runtime.database import Database
from mesh.runtime.ids import new_id
from services.order.domain import Order, Side, State
from services.order.journal import Journal
from services.order.partners import Ledger, Stock
from services.order.saga import Saga
from services.order.store.orders import OrderStore, Verdict
from services.order.store.reads import OrderReads, Span
from services.order.store.tables import order_events, orders
from tests.store.conftest import OpenDatabase
from tests.support.partners import FakeLedger, FakeStock, Faults

LIMIT = 1_000_000
ORIGIN = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


class FlakyStore(OrderStore):
    """The order's store, failing where told."""

    def __init__(self, database: Database, faults: Faults, lease_s: float) -> None:
        super().__init__(database, attempt_s=3600, lease_s=lease_s)
        self._faults = faults

    async def create(self, batch: Sequence[Order]) -> list[Order]:
        done = await super().create(batch)
        await self._faults.at("create", "after")
        return done

    async def decide(self, batch: Sequence[Verdict]) -> list[Order]:
        await self._faults.at("decide", "before")
        done = await super().decide(batch)
        await self._faults.at("decide", "after")
        return done

    async def settle(self, batch: Sequence[Order]) -> list[Order]:
        await self._faults.at("settle", "before")
        done = await super().settle(batch)
        await self._faults.at("settle", "after")
        return done


@dataclass
class Trading:
    """A saga on a real database, with its partners."""

    database: Database
    faults: Faults
    stock: FakeStock
    ledger: FakeLedger
    limit: int = LIMIT
    lease_s: float = 0

    def __post_init__(self) -> None:
        self.store = FlakyStore(self.database, self.faults, self.lease_s)
        self.reads = OrderReads(self.database)
        self.saga = self.driver()

    def driver(self) -> Saga:
        """A process that drives orders, such as one after a restart."""
        return Saga(Journal(self.store), Stock(self.stock), Ledger(self.ledger), self.limit)

    async def place(self, order: Order) -> Order | None:
        run = self.saga.place(order, Context())
        await self.saga.drain()
        return await run.decided

    async def recover(self) -> None:
        """What another process finds after a crash."""
        saga = self.driver()
        for _ in range(5):
            await saga.sweep()
            if not await self.reads.unsettled():
                return
        raise AssertionError("an order is never settled")

    async def expire(self) -> None:
        """Lets the time of all attempts be over."""

        async def work(connection: object) -> None:
            await connection.execute(update(orders).values(attempt_until=0))  # type: ignore[attr-defined]

        await self.database.transact(work)

    async def check(self, order: Order) -> Order:
        """The order as it is, after making sure that the books say the same."""
        found = await self.reads.one(order.order_id)
        assert found is not None
        assert found.settled
        decision = self.ledger.decisions.get(order.attempt_id)
        posted = decision is not None and decision.outcome == GroupDecision.POSTED
        attempt = self.stock.attempts[order.attempt_id].state
        assert (found.state is State.FILLED) == posted
        assert (attempt == Attempt.COMMITTED) == posted
        assert attempt != Attempt.RESERVED
        assert self.ledger.spent[order.user_id] == (found.total if posted else 0)
        return found


@pytest.fixture
async def trading(database: OpenDatabase) -> Trading:
    faults = Faults()
    return Trading(await database("order"), faults, FakeStock(faults), FakeLedger(faults))


def new_order(**changed: object) -> Order:
    order = Order(
        order_id=new_id(),
        user_id=new_id(),
        request_id="r",
        fingerprint="f",
        asset_id="BTC",
        side=Side.BUY,
        quantity=2000,
        quantity_scale=3,
        attempt_id=new_id(),
        origin=ORIGIN,
    )
    return replace(order, **changed)  # type: ignore[arg-type]


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
        await trading.expire()
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
    await trading.expire()
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
    assert trading.ledger.spent[user] == 20_000
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
    faults = Faults()
    stock, ledger = FakeStock(faults), FakeLedger(faults)
    trading = Trading(await database("order"), faults, stock, ledger, lease_s=60)
    faults.planned.add(("reserve", "before"))
    assert await trading.place(new_order()) is None
    assert await trading.driver().sweep() == 0
    assert await trading.reads.unsettled() == 1


async def test_sweepers_at_once_share_what_there_is(trading: Trading) -> None:
    for _ in range(6):
        trading.faults.planned.add(("reserve", "before"))
        await trading.place(new_order())
    await asyncio.gather(*(trading.driver().sweep() for _ in range(3)))
    assert await trading.reads.unsettled() == 0


async def test_a_page_is_newest_first_and_of_one_customer(trading: Trading) -> None:
    user = new_id()
    placed = [new_order(user_id=user, request_id=str(n)) for n in range(5)]
    for order in [*placed, new_order()]:
        await trading.place(order)
    newest = [order.order_id for order in reversed(placed)]
    always = Span(-(2**62), 2**62, "~")
    first = await trading.reads.page(user, always, 3)
    assert [order.order_id for order in first] == newest[:3]
    rest = await trading.reads.page(user, replace(always, before=first[-1].order_id), 3)
    assert [order.order_id for order in rest] == newest[3:]
    assert not await trading.reads.page(
        user, replace(always, until=first[-1].created_at - 10**9), 3
    )


async def test_the_sweeper_reads_its_index(trading: Trading) -> None:
    database = trading.database
    statement = "SELECT * FROM orders WHERE {} AND leased_until <= 5 ORDER BY leased_until"
    async with database.read() as connection:
        if database.is_postgresql:
            # A small table would be scanned, whatever its indexes.
            await connection.execute(text("SET enable_seqscan = off"))
            plan = text("EXPLAIN " + statement.format("NOT settled"))
        else:
            plan = text("EXPLAIN QUERY PLAN " + statement.format("settled = 0"))
        assert "orders_unsettled" in str(list(await connection.execute(plan)))
