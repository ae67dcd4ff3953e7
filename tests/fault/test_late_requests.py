"""Requests that arrive when their order has long given up, or arrive again: nothing takes effect.

The order's own steps run here; stock and ledger are real processes. What the order
asks of them is kept back, as a network might, and delivered later, twice.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.context import Context
from tradewind.api.v1.reason_pb2 import Reason
from tradewind.inventory.v1.stock_pb2_grpc import QuoteServiceStub, StockServiceStub
from tradewind.user.v1.account_pb2 import GetBalanceRequest, WithdrawRequest
from tradewind.user.v1.account_pb2_grpc import AccountServiceStub
from tradewind.user.v1.ledger_pb2_grpc import LedgerServiceStub

from mesh.runtime.database import Database
from mesh.runtime.migrate import migrate
from services.order.assets import Assets
from services.order.domain.order import Order, State, Type
from services.order.journal import Journal
from services.order.partners import Ledger, Stock
from services.order.saga.driver import Saga
from services.order.saga.flows import Flows
from services.order.saga.steps import Steps
from services.order.store.open import OpenOrders
from services.order.store.orders import OrderStore
from services.order.store.reads import OrderReads
from services.order.sweeper import Crossing, Sweeper
from tests.support.backend import Backend, running_backend
from tests.support.partners import unavailable
from tests.support.trading import Clock, limit_order, new_order

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
async def backend(tmp_path: Path) -> AsyncIterator[Backend]:
    async with running_backend(tmp_path) as found:
        yield found


@dataclass
class Network:
    """Keeps requests of some methods back, and delivers them when told."""

    lost: set[str]
    kept: list[Callable[[], Awaitable[Any]]] = field(default_factory=list)

    def around(self, stub: Any) -> Any:
        """The stub, seen through this network."""
        network = self

        class Through:
            def __getattr__(self, name: str) -> Any:
                method = getattr(stub, name)

                async def call(request: Any) -> Any:
                    if name not in network.lost:
                        return await method(request)
                    network.kept.append(lambda: method(request))
                    raise unavailable()

                return call

        return Through()

    async def deliver(self) -> None:
        """All that was kept back arrives, twice, the last first."""
        for request in [*reversed(self.kept), *self.kept]:
            await request()


@dataclass
class Ordering:
    """The order service's parts, on a clock of the test's own."""

    saga: Saga
    sweeper: Sweeper
    reads: OrderReads
    clock: Clock


async def ordering(backend: Backend, network: Network, folder: Path) -> tuple[Ordering, Database]:
    url = f"sqlite:///{folder / 'orders.db'}"
    await migrate(url, "order", ROOT / "services" / "order" / "migrations")
    database, clock = Database(url, "order"), Clock()
    inventory, user = backend.internal("order", "inventory"), backend.internal("order", "user")
    store = OrderStore(database, attempt_s=10, lease_s=0, clock=clock)
    steps = Steps(
        Journal(store),
        Stock(network.around(StockServiceStub(inventory))),
        Ledger(network.around(LedgerServiceStub(user))),
    )
    crossing = Crossing(Assets(QuoteServiceStub(inventory)), 10)
    saga = Saga(steps, Flows(steps, 1_000_000), crossing)
    sweeper = Sweeper(saga, store, OpenOrders(database, clock), crossing)
    return Ordering(saga, sweeper, OrderReads(database), clock), database


@pytest.mark.parametrize("lost", ["ReserveStock", "CreateTransfers"])
@pytest.mark.parametrize("kind", [Type.MARKET, Type.LIMIT])
async def test_what_comes_late_or_twice_takes_no_effect(
    backend: Backend, tmp_path: Path, lost: str, kind: Type
) -> None:
    network = Network({lost})
    orders, database = await ordering(backend, network, tmp_path)
    # Too poor for it now; by the time the requests arrive there will be enough.
    fields: dict[str, Any] = {"user_id": backend.customer, "quantity": 100_000}
    fields["quantity_scale"] = 8
    order = new_order(**fields) if kind is Type.MARKET else limit_order("90", **fields)
    await _place(orders, order)

    orders.clock.pass_s(11)
    await orders.sweeper.recover()
    given_up = await orders.reads.one(order.order_id)
    assert given_up is not None
    if (kind, lost) == (Type.LIMIT, "ReserveStock"):
        # Its hold needs no stock: refused for want of money at once.
        assert given_up.reason == Reason.INSUFFICIENT_FUNDS
    else:
        assert given_up.reason == Reason.NOT_FILLED_IN_TIME
    assert (given_up.state, given_up.settled) == (State.REJECTED, True)

    await backend.deposit("5000", "between")
    network.lost.clear()
    assert network.kept or (kind, lost) == (Type.LIMIT, "ReserveStock")
    await network.deliver()

    accounts = AccountServiceStub(backend.edge("user"))
    balance = await accounts.GetBalance(GetBalanceRequest(), metadata=backend.token, timeout=5)
    assert (balance.available, balance.held) == ("5000.00", "0.00")
    await accounts.Withdraw(
        WithdrawRequest(amount="5000", request_id="w"), metadata=backend.token, timeout=5
    )
    assert await orders.reads.one(order.order_id) == given_up
    await database.close()


async def _place(orders: Ordering, order: Order) -> None:
    run = orders.saga.place(order, Context())
    await orders.saga.drain()
    assert (await run.accepted).order_id == order.order_id


async def test_what_was_done_and_comes_again_is_not_done_again(
    backend: Backend, tmp_path: Path
) -> None:
    await backend.deposit("5000", "before")
    sent: list[Callable[[], Awaitable[Any]]] = []

    class Twice(Network):
        def around(self, stub: Any) -> Any:
            class Through:
                def __getattr__(self, name: str) -> Any:
                    method = getattr(stub, name)

                    async def call(request: Any) -> Any:
                        sent.append(lambda: method(request))
                        return await method(request)

                    return call

            return Through()

    orders, database = await ordering(backend, Twice(set()), tmp_path)
    order = new_order(user_id=backend.customer, quantity=100_000, quantity_scale=8)
    await _place(orders, order)
    filled = await orders.reads.one(order.order_id)
    assert filled is not None
    assert (filled.state, filled.settled) == (State.FILLED, True)
    accounts = AccountServiceStub(backend.edge("user"))

    async def cash() -> str:
        reply = await accounts.GetBalance(GetBalanceRequest(), metadata=backend.token, timeout=5)
        return reply.available

    before = await cash()
    assert len(sent) >= 3
    for request in [*reversed(sent), *sent]:
        await request()
    assert await cash() == before
    await database.close()
