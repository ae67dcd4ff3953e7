"""Orders on a real database, with partners that keep their promises and fail where told."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from opentelemetry.context import Context
from sqlalchemy.ext.asyncio import AsyncConnection
from tradewind.inventory.v1.stock_pb2 import Attempt
from tradewind.user.v1.ledger_pb2 import GroupDecision

from mesh.runtime.database import Database
from mesh.runtime.ids import new_id
from services.order.assets import Assets
from services.order.domain.order import Order, Side, State, Type
from services.order.domain.terms import hold_of
from services.order.domain.transitions import Decision
from services.order.journal import Journal
from services.order.partners import Ledger, Stock
from services.order.saga.driver import Saga
from services.order.saga.flows import Flows
from services.order.saga.steps import Steps
from services.order.store.open import OpenOrders
from services.order.store.orders import OrderStore, Verdict
from services.order.store.reads import OrderReads
from services.order.sweeper import Crossing, Sweeper
from tests.support.partners import FakeLedger, FakeQuotes, FakeStock, Faults

LIMIT = 1_000_000
ATTEMPT_S = 10
BEGIN = 1_700_000_000_000_000
ORIGIN = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


class Clock:
    """A clock that a test sets, in microseconds."""

    def __init__(self) -> None:
        self.now = BEGIN

    async def __call__(self, _: AsyncConnection) -> int:
        return self.now

    def pass_s(self, seconds: float) -> None:
        """Lets time pass."""
        self.now += int(seconds * 1_000_000)


class FlakyStore(OrderStore):
    """The order's store, failing where told."""

    def __init__(self, database: Database, faults: Faults, lease_s: float, clock: Clock) -> None:
        super().__init__(database, attempt_s=ATTEMPT_S, lease_s=lease_s, clock=clock)
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
class Process:
    """All that drives orders in one process."""

    saga: Saga
    sweeper: Sweeper
    assets: Assets

    async def cross(self) -> int:
        """Looks at the market."""
        return await self.sweeper.cross(self.assets)


class Trading:
    """Orders, their partners, and processes that drive them."""

    def __init__(self, database: Database, lease_s: float = 0) -> None:
        self.database = database
        self.faults = Faults()
        self.stock = FakeStock(self.faults)
        self.ledger = FakeLedger(self.faults)
        self.limit = LIMIT
        self.clock = Clock()
        self.store = FlakyStore(database, self.faults, lease_s, self.clock)
        self.reads = OrderReads(database)
        self.here = self.process()
        self.saga = self.here.saga

    def process(self) -> Process:
        """A process that drives orders, such as one after a restart."""
        steps = Steps(Journal(self.store), Stock(self.stock), Ledger(self.ledger))
        assets = Assets(FakeQuotes(self.stock))
        crossing = Crossing(assets, ATTEMPT_S)
        saga = Saga(steps, Flows(steps, self.limit), crossing)
        open_orders = OpenOrders(self.database, self.clock)
        return Process(saga, Sweeper(saga, self.store, open_orders, crossing), assets)

    async def place(self, order: Order) -> Order | None:
        """Places an order and lets its driver end; the answer, where there is one."""
        run = self.saga.place(order, Context())
        await self.saga.drain()
        return await run.decided

    async def change(self, order: Order, decision: Decision) -> Order | None:
        """Decides something on an order that rests, and lets the driver end."""
        run = self.saga.change(order, decision, self.clock.now)
        assert run is not None
        await self.saga.drain()
        return await run.decided

    async def recover(self) -> None:
        """What another process makes of the orders that were left lying."""
        process = self.process()
        for _ in range(5):
            await process.sweeper.recover()
            if not await self.reads.unsettled():
                return
        raise AssertionError("an order is never settled")

    async def read(self, order: Order) -> Order:
        """The order as it is."""
        found = await self.reads.one(order.order_id)
        assert found is not None
        return found

    async def check(self, order: Order) -> Order:
        """The order as it is, after making sure that the books say the same."""
        found = await self.read(order)
        decision = self.ledger.decisions.get(found.attempt_id)
        posted = decision is not None and decision.outcome == GroupDecision.POSTED
        assert (found.state is State.FILLED) == posted
        attempt = self.stock.attempts.get(found.attempt_id)
        state = attempt.state if attempt else Attempt.RELEASED
        assert (state == Attempt.COMMITTED) == posted
        assert state != Attempt.RESERVED
        assert (order.hold_id in self.ledger.holds) == (found.state is State.OPEN)
        assert found.settled == (found.state is not State.OPEN)
        sign = 1 if order.side is Side.BUY else -1
        cash, units = (-sign * found.total, sign * order.quantity) if posted else (0, 0)
        assert self.ledger.moved[order.user_id, "USD"] == cash
        assert self.ledger.moved[order.user_id, "BTC"] == units
        return found


def new_order(**changed: Any) -> Order:
    """A market buy of two units."""
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
    return replace(order, **changed)


def limit_order(price: str = "90", **changed: Any) -> Order:
    """A limit order for two units that rests for an hour."""
    order = replace(
        new_order(),
        type=Type.LIMIT,
        limit_price=price,
        limit_units=int(float(price) * 100),
        hold_id=new_id(),
        expire_at=BEGIN + 3_600_000_000,
    )
    order = replace(order, **changed)
    return replace(order, hold_amount=hold_of(order))
