"""A batch of any size costs the same number of statements, at every step of an order."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from sqlalchemy import event
from sqlalchemy.engine import Engine

from mesh.runtime.database import Database
from mesh.runtime.ids import new_id
from services.inventory.assets import load_snapshot
from services.inventory.domain import Commit, Operation, Release, Reserve
from services.inventory.domain import Side as StockSide
from services.inventory.store_assets import AssetStore
from services.inventory.store_stock import StockStore
from services.order.domain.transitions import Filled
from services.order.store.orders import OrderStore, Verdict
from services.user.domain.decide import Limits
from services.user.domain.ledger import OUTSIDE, PLATFORM, USD, Group, Kind, Purpose, Transfer
from services.user.store.ledger import LedgerStore
from services.user.store.users import Profile, UserStore
from tests.store.conftest import OpenDatabase
from tests.support.trading import new_order

Batch = Callable[[int], Awaitable[object]]


@contextmanager
def counted() -> Iterator[list[str]]:
    """Every statement that is sent to a database; one with many rows counts once."""
    sent: list[str] = []

    def note(_c: Any, _cursor: Any, statement: str, *_: Any) -> None:
        sent.append(statement)

    event.listen(Engine, "before_cursor_execute", note)
    try:
        yield sent
    finally:
        event.remove(Engine, "before_cursor_execute", note)


async def ledger(database: Database) -> dict[str, Batch]:
    users, store = UserStore(database), LedgerStore(database, Limits(10**15, 10**15))
    names = [new_id() for _ in range(100)]
    for name in names:
        await users.create(Profile(name, name[:8], "a@example.com", "A", "B", "", "", False))

    def groups(count: int, *transfers: Callable[[str], Transfer]) -> list[Group]:
        return [Group(new_id(), tuple(each(name) for each in transfers)) for name in names[:count]]

    def deposit(name: str) -> Transfer:
        return Transfer(OUTSIDE, name, USD, 10_000, Purpose.DEPOSIT)

    def buys(name: str) -> Transfer:
        return Transfer(name, PLATFORM, USD, 10, Purpose.BUY)

    def gets(name: str) -> Transfer:
        return Transfer(PLATFORM, name, "BTC", 10, Purpose.BUY, cost=10)

    def holds(name: str) -> Transfer:
        hold = new_id()
        return Transfer(name, PLATFORM, USD, 10, Purpose.BUY, kind=Kind.PENDING, transfer_id=hold)

    return {
        "deposits": lambda n: store.settle(groups(n, deposit)),
        "buys": lambda n: store.settle(groups(n, buys, gets)),
        "holds": lambda n: store.settle(groups(n, holds)),
    }


async def stock(database: Database) -> dict[str, Batch]:
    await AssetStore(database).seed(load_snapshot())
    store = StockStore(database, 10**18)
    ids: list[str] = []

    def reserve(count: int) -> list[Operation]:
        ids[:] = [new_id() for _ in range(count)]
        return [Reserve(name, "DOGE", StockSide.BUY, 1) for name in ids]

    return {
        "reserve": lambda n: store.apply(reserve(n)),
        "commit": lambda n: store.apply([Commit(name) for name in ids[:n]]),
        "release": lambda n: store.apply([Release(new_id()) for _ in range(n)]),
    }


async def orders(database: Database) -> dict[str, Batch]:
    store = OrderStore(database, attempt_s=10, lease_s=5)
    placed = [new_order() for _ in range(101)]
    await store.create(placed)
    left = iter(placed)

    return {
        "create": lambda n: store.create([new_order() for _ in range(n)]),
        "decide": lambda n: store.decide(
            [Verdict(next(left), Filled("1", 1), "") for _ in range(n)]
        ),
        "settle": lambda n: store.settle(placed[:n]),
    }


@pytest.mark.parametrize(
    ("service", "made"), [("user", ledger), ("inventory", stock), ("order", orders)]
)
async def test_a_batch_of_any_size_costs_the_same_number_of_statements(
    database: OpenDatabase,
    service: str,
    made: Callable[[Database], Awaitable[dict[str, Batch]]],
) -> None:
    opened = await database(service)
    for name, batch in (await made(opened)).items():
        counts = []
        for size in (1, 100):
            with counted() as sent:
                await batch(size)
            counts.append(len(sent))
        assert counts[0] == counts[1] > 0, name
