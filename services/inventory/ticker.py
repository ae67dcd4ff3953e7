"""The market's writer: of all replicas, the one with the lease writes prices."""

from __future__ import annotations

from mesh.runtime.ids import new_id
from services.inventory.market import Market
from services.inventory.store_assets import AssetStore

LEASE_TICKS = 5
"""The lease outlives this many ticks that were not written."""


class Ticker:
    """Asks the market for prices and stores them, as long as it has the lease."""

    def __init__(self, store: AssetStore, market: Market, interval: int, max_age: int) -> None:
        """Prepares a writer of its own name; `interval` and `max_age` are microseconds."""
        self._store = store
        self._market = market
        self._owner = new_id()
        self._max_age = max_age
        # Within half the age a price may have, so that a dead writer stops no trade.
        self._length = min(interval * LEASE_TICKS, max(max_age // 2, interval))

    async def tick(self) -> bool:
        """Writes one set of prices; False when another replica has the lease."""
        begun = await self._store.begin_tick(self._owner, self._length)
        if begun is None:
            return False
        assets, now = begun
        ticked = await self._market.next(assets, now)
        return await self._store.write_prices(self._owner, self._length, ticked)

    async def check_fresh(self) -> None:
        """Raises TimeoutError when the newest price is too old to trade."""
        if await self._store.price_age() > self._max_age:
            raise TimeoutError("prices are stale")

    async def stop(self) -> None:
        """Gives the lease back."""
        await self._store.end_lease(self._owner)
