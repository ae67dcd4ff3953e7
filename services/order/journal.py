"""The orders' own records, written in batches."""

from __future__ import annotations

from mesh.runtime.batch import Batcher
from mesh.telemetry.tracing import trace_id
from services.order.domain.order import Order
from services.order.domain.transitions import Decision
from services.order.store.orders import OrderStore, Verdict


class Journal:
    """Writes orders; those that wait together share a transaction."""

    def __init__(self, store: OrderStore) -> None:
        self._creates: Batcher[Order, Order] = Batcher("orders create", store.create)
        self._decides: Batcher[Verdict, Order] = Batcher("orders decide", store.decide)
        self._settles: Batcher[Order, Order] = Batcher("orders settle", store.settle)

    async def create(self, order: Order) -> Order:
        """Stores a new order; answers the one order of its customer and request id."""
        return await self._creates.submit(order)

    async def decide(self, order: Order, decision: Decision) -> Order:
        """Takes an order to its next state, where it still can; answers it as it is then."""
        return await self._decides.submit(Verdict(order, decision, trace_id()))

    async def settle(self, order: Order) -> Order:
        """Notes that nothing is left to do for an order."""
        return await self._settles.submit(order)
