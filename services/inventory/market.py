"""Market data: the provider's protocol, and `simulated`, a seeded random walk.

Only integers and decimals: a price is moved in units of its last decimal place.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from decimal import ROUND_DOWN, ROUND_HALF_EVEN, Context, Decimal, localcontext
from random import Random
from typing import Protocol

from mesh.runtime.decimals import to_text, to_units
from services.inventory.assets import Asset

SOURCE = "simulated"
STEP = 50
STEP_BASE = 100_000
"""A tick moves a price by at most STEP / STEP_BASE of itself, half a per mille."""
DAY = 86_400_000_000
_EXACT = Context(prec=60, rounding=ROUND_HALF_EVEN)
_PERCENT = Decimal("0.01")


class Market(Protocol):
    """Where prices come from."""

    async def next(self, assets: Sequence[Asset], now: int) -> list[Asset]:
        """The assets with the prices of `now` (microseconds since 1970); never zero or less."""
        ...


def _percent(before: str, old: Decimal, new: Decimal) -> str:
    """A change in percent carried on from `old` to `new`, its base price unchanged."""
    base = old / (1 + Decimal(before) / 100)
    return format(((new / base - 1) * 100).quantize(_PERCENT), "f")


def step(asset: Asset, now: int, rng: Random) -> Asset:
    """The asset one tick later; price, extremes, changes and market cap move together."""
    units = to_units(asset.price, asset.price_scale)
    spread = units * rng.randint(-STEP, STEP)
    # Rounded half up, so that the walk leans neither way; below one unit it would stick at zero.
    moved = max(1, units + (2 * spread + STEP_BASE) // (2 * STEP_BASE))
    return with_price(asset, to_text(moved, asset.price_scale), now)


def with_price(asset: Asset, price: str, now: int) -> Asset:
    """The asset at a new price; the day's high and low begin anew with the UTC day."""
    new_day = 0 < asset.price_time // DAY < now // DAY
    with localcontext(_EXACT):
        old, new = Decimal(asset.price), Decimal(price)
        opened = old - Decimal(asset.change_24h)
        is_high, is_low = new > Decimal(asset.all_time_high), new < Decimal(asset.all_time_low)
        change = new - (old if new_day else opened)
        cap = (new * Decimal(asset.circulating_supply)).quantize(Decimal(1), rounding=ROUND_DOWN)
        return replace(
            asset,
            price=price,
            price_time=now,
            update_time=now,
            high_24h=price if new_day or new > Decimal(asset.high_24h) else asset.high_24h,
            low_24h=price if new_day or new < Decimal(asset.low_24h) else asset.low_24h,
            change_24h=format(change, "f"),
            change_percent_24h=format((change / (new - change) * 100).quantize(_PERCENT), "f"),
            change_percent_1h=_percent(asset.change_percent_1h, old, new),
            change_percent_7d=_percent(asset.change_percent_7d, old, new),
            change_percent_30d=_percent(asset.change_percent_30d, old, new),
            market_cap=format(cap, "f"),
            all_time_high=price if is_high else asset.all_time_high,
            all_time_high_time=now if is_high else asset.all_time_high_time,
            all_time_low=price if is_low else asset.all_time_low,
            all_time_low_time=now if is_low else asset.all_time_low_time,
        )


class SimulatedMarket:
    """A random walk, the same for the same seed and the same first assets."""

    def __init__(self, seed: int) -> None:
        self._rng = Random(seed)  # noqa: S311 - sample data, not a secret

    async def next(self, assets: Sequence[Asset], now: int) -> list[Asset]:
        """Moves each asset one step, in the order given."""
        return [step(asset, now, self._rng) for asset in assets]
