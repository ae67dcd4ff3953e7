"""What happens to orders without anybody asking: recovery, crossing, expiry.

Every replica looks at all of them. That two find the same order does no harm:
its lease, or the conditional claim, lets one of them have it.
"""

from __future__ import annotations

from mesh.runtime.ids import new_id
from mesh.runtime.times import MICROSECONDS
from services.order.assets import Assets
from services.order.domain.order import Order
from services.order.domain.terms import crosses
from services.order.domain.transitions import Claimed, Expired
from services.order.saga.driver import Saga
from services.order.store.open import OpenOrders
from services.order.store.orders import OrderStore

AT_ONCE = 200
"""Most orders that one look takes up."""


class Crossing:
    """Tells whether an order trades at the newest price known here."""

    def __init__(self, assets: Assets, attempt_s: float) -> None:
        self._assets = assets
        self._lasting = int(attempt_s * MICROSECONDS)

    def claim(self) -> Claimed:
        """A new attempt."""
        return Claimed(new_id(), self._lasting)

    def __call__(self, order: Order) -> Claimed | None:
        """The claim of an order that the market has reached, or None."""
        price = self._assets.prices.get(order.asset_id)
        if price is None or not crosses(order.side, order.limit_units, price):
            return None
        return self.claim()


class Sweeper:
    """Looks for orders that something has to happen to."""

    def __init__(
        self, saga: Saga, store: OrderStore, open_orders: OpenOrders, crossing: Crossing
    ) -> None:
        self._saga = saga
        self._store = store
        self._open = open_orders
        self._crossing = crossing

    async def recover(self) -> int:
        """Goes on with orders whose driver has gone, by lease; answers how many."""
        claim = await self._store.claim(AT_ONCE)
        return await self._saga.ended(
            self._saga.recover(order, claim.now) for order in claim.orders
        )

    async def expire(self) -> int:
        """Ends open orders whose time is over; answers how many."""
        due, now = await self._open.due(AT_ONCE)
        return await self._saga.ended(self._saga.change(order, Expired(), now) for order in due)

    async def cross(self, assets: Assets) -> int:
        """Asks for prices and fills the open orders that they reach; answers how many."""
        await assets.refresh()
        found, now = await self._open.crossed(assets.prices, AT_ONCE)
        claim = self._crossing.claim
        return await self._saga.ended(self._saga.change(order, claim(), now) for order in found)
