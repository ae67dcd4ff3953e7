"""The simulated market: deterministic, above zero, within each asset's scale."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from random import Random

from mesh.runtime.decimals import to_units
from services.inventory.assets import load_snapshot
from services.inventory.market import DAY, SimulatedMarket, step, with_price

START = 20_000 * DAY


async def walk(seed: int, ticks: int) -> list[list[str]]:
    market, assets, prices = SimulatedMarket(seed), load_snapshot()[:5], []
    for number in range(ticks):
        assets = await market.next(assets, START + number)
        prices.append([asset.price for asset in assets])
    return prices


async def test_the_same_seed_walks_the_same_way() -> None:
    assert await walk(7, 50) == await walk(7, 50)
    assert await walk(7, 50) != await walk(8, 50)


def test_prices_stay_above_zero_and_within_their_scale() -> None:
    snapshot = {asset.asset_id: asset for asset in load_snapshot()}
    for name in ("BTC", "SHIB"):
        asset, rng = snapshot[name], Random(3)
        for number in range(2_000):
            before = asset
            asset = step(asset, START + number * 2_000_000, rng)
            assert to_units(asset.price, asset.price_scale) > 0
            assert Decimal(asset.low_24h) <= Decimal(asset.price) <= Decimal(asset.high_24h)
            assert Decimal(asset.all_time_low) <= Decimal(asset.price)
            assert asset.price_time >= before.price_time


def test_a_price_of_one_unit_does_not_fall_to_zero() -> None:
    asset = replace(load_snapshot()[0], price="0.01", change_24h="0.00")
    rng = Random(1)
    for number in range(1_000):
        asset = step(asset, START + number, rng)
        assert asset.price == "0.01"


def test_what_follows_from_a_price_moves_with_it() -> None:
    asset = replace(
        load_snapshot()[0], price="100.00", change_24h="0.00", change_percent_7d="0.00",
        high_24h="101.00", low_24h="99.00", circulating_supply="1000",
    )  # fmt: skip
    moved = with_price(asset, "110.00", START)
    assert (moved.change_24h, moved.change_percent_24h) == ("10.00", "10.00")
    assert (moved.change_percent_7d, moved.market_cap) == ("10.00", "110000")
    assert (moved.high_24h, moved.low_24h) == ("110.00", "99.00")
    tomorrow = with_price(moved, "105.00", START + DAY)
    assert (tomorrow.high_24h, tomorrow.low_24h) == ("105.00", "105.00")
    assert tomorrow.change_24h == "-5.00"
