"""Stock, prices and the writer's lease on both kinds of database."""

from __future__ import annotations

import asyncio

import pytest
from tradewind.api.v1.reason_pb2 import Reason

from mesh.runtime.database import Database
from services.inventory.assets import initial_units, load_snapshot
from services.inventory.domain import (
    Attempt,
    Commit,
    Operation,
    Release,
    Reserve,
    Side,
    State,
)
from services.inventory.market import SimulatedMarket
from services.inventory.store_assets import AssetStore
from services.inventory.store_stock import ScaledLevel, StockStore
from services.inventory.ticker import Ticker
from tests.store.conftest import OpenDatabase

MAX_AGE = 30_000_000
BITCOIN = initial_units(load_snapshot()[0])


def ticker(database: Database) -> Ticker:
    return Ticker(AssetStore(database), SimulatedMarket(1), 2_000_000, MAX_AGE)


@pytest.fixture
async def replicas(database: OpenDatabase) -> list[Database]:
    """Two replicas of the service on one database, seeded at the same moment, with prices."""
    pair = [await database("inventory"), await database("inventory")]
    await asyncio.gather(*(AssetStore(one).seed(load_snapshot()) for one in pair))
    assert await ticker(pair[0]).tick()
    return pair


async def audit(database: Database) -> tuple[dict[str, ScaledLevel], list[Attempt]]:
    levels: dict[str, ScaledLevel] = {}
    attempts: list[Attempt] = []
    async for page in StockStore(database, MAX_AGE).audit():
        assert 0 < len(page) <= 500
        for entry in page:
            if isinstance(entry, ScaledLevel):
                levels[entry.level.asset_id] = entry
            else:
                attempts.append(entry)
    return levels, attempts


async def test_two_replicas_seed_once(replicas: list[Database]) -> None:
    await AssetStore(replicas[1]).seed(load_snapshot())
    levels, attempts = await audit(replicas[0])
    assert len(levels) == len(load_snapshot())
    bitcoin = levels["BTC"].level
    assert (bitcoin.available, bitcoin.reserved, bitcoin.put_in) == (BITCOIN, 0, BITCOIN)
    assert attempts == []


async def test_a_batch_decides_in_order_and_a_repeat_changes_nothing(
    replicas: list[Database],
) -> None:
    store = StockStore(replicas[0], MAX_AGE)
    batch: list[Operation] = [
        Reserve("b", "BTC", Side.BUY, 5),
        Reserve("b", "BTC", Side.BUY, 5),
        Commit("b"),
        Reserve("s", "BTC", Side.SELL, 3),
        Commit("s"),
        Release("late"),
        Reserve("late", "BTC", Side.BUY, 1),
        Commit("unknown"),
        Reserve("none", "NOPE", Side.BUY, 1),
    ]
    outcomes = await store.apply(batch)
    assert [outcome.state for outcome in outcomes] == [1, 1, 3, 1, 3, 4, 4, 0, 2]
    assert outcomes[-1].reason == Reason.ASSET_NOT_FOUND
    again = await StockStore(replicas[1], MAX_AGE).apply(batch)
    assert [outcome.state for outcome in again] == [3, 3, 3, 3, 3, 4, 4, 0, 2]
    assert again[0].price == outcomes[0].price != ""
    levels, attempts = await audit(replicas[0])
    level = levels["BTC"].level
    assert (level.available, level.reserved) == (BITCOIN - 5 + 3, 0)
    assert [attempt.attempt_id for attempt in attempts] == ["b", "late", "none", "s"]


async def test_two_replicas_never_sell_the_last_units_twice(replicas: list[Database]) -> None:
    part = BITCOIN // 4
    stores = [StockStore(one, MAX_AGE) for one in replicas]
    outcomes = await asyncio.gather(
        *(stores[n % 2].apply([Reserve(f"r{n}", "BTC", Side.BUY, part)]) for n in range(10))
    )
    states = [outcome.state for (outcome,) in outcomes]
    assert states.count(State.RESERVED) == 4
    assert states.count(State.REFUSED) == 6
    level = (await audit(replicas[0]))[0]["BTC"].level
    assert level.reserved == 4 * part
    assert level.available + level.reserved == level.put_in


async def test_one_id_at_two_replicas_is_decided_once(replicas: list[Database]) -> None:
    stores = [StockStore(one, MAX_AGE) for one in replicas]
    names = [f"i{n}" for n in range(20)]
    reserve: list[Operation] = [Reserve(name, "ETH", Side.BUY, 7) for name in names]
    release: list[Operation] = [Release(name) for name in reversed(names)]
    await asyncio.gather(
        stores[0].apply(reserve), stores[1].apply(list(reversed(reserve))), stores[1].apply(release)
    )
    level = (await audit(replicas[0]))[0]["ETH"].level
    assert (level.available, level.reserved) == (level.put_in, 0)


async def test_one_replica_writes_prices_and_the_other_takes_over(
    replicas: list[Database],
) -> None:
    store = AssetStore(replicas[0])
    found = await store.begin_tick("taken-by-nobody", 1)
    assert found is None
    other = ticker(replicas[1])
    assert not await other.tick()
    # A lease of negative length is one that has run out.
    first = Ticker(store, SimulatedMarket(2), -1_000_000, -2)
    await other.check_fresh()
    assert not await first.tick()
    with pytest.raises(TimeoutError):
        await first.check_fresh()


async def test_a_writer_that_stops_hands_over_and_prices_go_on(database: OpenDatabase) -> None:
    one, two = await database("inventory"), await database("inventory")
    store = AssetStore(one)
    await store.seed(load_snapshot())
    first, second = ticker(one), ticker(two)
    assert await first.tick()
    assert not await second.tick()
    (before,) = await store.find(["BTC"])
    await first.stop()
    assert await second.tick()
    (after,) = await AssetStore(two).find(["BTC"])
    assert after.price_time >= before.price_time
    assert {asset.price_time for asset in await store.find([])} == {after.price_time}


async def test_assets_come_in_pages_by_rank(replicas: list[Database]) -> None:
    store = AssetStore(replicas[0])
    first = await store.page("", 0, 10)
    assert [asset.rank for asset in first] == list(range(1, 11))
    assert [asset.rank for asset in await store.page("", 10, 2)] == [11, 12]
    memes = await store.page("meme", 0, 100)
    assert "DOGE" in {asset.asset_id for asset in memes}
    assert {asset.category for asset in memes} == {"meme"}
