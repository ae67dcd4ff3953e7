"""The script: customers arrive, trade, change their minds, and go home with their profit."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from statistics import quantiles
from typing import Any, TypeVar

import grpc
from tradewind.api.v1.reason_pb2 import Reason
from tradewind.order.v1.order_pb2 import Order

from mesh.demo.client import Edge, Quote, Trader
from mesh.runtime.errors import reason_of

AT_ONCE = 32
"""Most calls under way."""
ASSETS = 20
DEPOSIT = "9000"
WITHDRAWAL = "10"
STAKE = 40
"""About so many dollars a trade."""
EXPECTED = frozenset({Reason.INSUFFICIENT_FUNDS, Reason.INSUFFICIENT_HOLDING, Reason.OUT_OF_STOCK})
"""Refusals that the script provokes."""

Outcome = TypeVar("Outcome")
Advance = Callable[[str, int, int], None]
"""Is told of a stage: its name, how many calls are done, and of how many."""


@dataclass(slots=True)
class Day:
    """What came of it."""

    customers: int = 0
    orders: Counter[str] = field(default_factory=Counter)
    """How many orders came to which state, or were refused for which reason."""
    turnover: Decimal = Decimal(0)
    """Dollars that filled orders moved."""
    took_s: list[float] = field(default_factory=list)
    """How long each order's answer took."""

    def text(self) -> str:
        """A summary for people."""
        states = ", ".join(f"{count} {name}" for name, count in self.orders.most_common())
        cuts = quantiles(self.took_s, n=20) if len(self.took_s) > 1 else [0.0] * 19
        return (
            f"{self.customers} customers, {len(self.took_s)} orders: {states}\n"
            f"turnover {self.turnover:.2f} USD; answers p50 {cuts[9] * 1000:.0f} ms,"
            f" p95 {cuts[18] * 1000:.0f} ms"
        )


class Script:
    """Plays a day on a running mesh."""

    def __init__(self, edge: Edge, advance: Advance) -> None:
        self._edge = edge
        self._advance = advance
        self._gate = asyncio.Semaphore(AT_ONCE)
        self._day = Day()

    async def play(self, customers: int, orders: int) -> Day:
        """Plays it.

        Raises:
            grpc.aio.AioRpcError: something failed that the script does not provoke.
        """
        quotes = await self._edge.quotes(ASSETS)
        traders = await self._all("arriving", [self._arrive(n) for n in range(customers)])
        self._day.customers = customers
        placed = await self._all(
            "trading", [self._trade(traders[n % customers], quotes) for n in range(orders)]
        )
        resting = [(trader, order) for trader, order in placed if order.state == Order.OPEN]
        await self._all("cancelling", [self._cancel(*each) for each in resting[::2]])
        await self._all("going home", [trader.withdraw(WITHDRAWAL) for trader in traders])
        return self._day

    async def _all(self, stage: str, work: Sequence[Coroutine[Any, Any, Outcome]]) -> list[Outcome]:
        done = 0
        self._advance(stage, 0, len(work))

        async def one(each: Coroutine[Any, Any, Outcome]) -> Outcome:
            nonlocal done
            async with self._gate:
                outcome = await each
            done += 1
            self._advance(stage, done, len(work))
            return outcome

        return await asyncio.gather(*(one(each) for each in work))

    async def _arrive(self, seed: int) -> Trader:
        trader = await self._edge.newcomer(seed)
        await trader.deposit(DEPOSIT)
        return trader

    async def _trade(self, trader: Trader, quotes: Sequence[Quote]) -> tuple[Trader, Order]:
        dice = trader.dice
        buys = not trader.owned or dice.random() < 0.6
        side = Order.BUY if buys else Order.SELL
        if buys:
            quote = dice.choice(quotes)
            units = quote.units(Decimal(dice.randint(STAKE // 2, STAKE * 2)))
        else:
            quote, units = trader.owned.pop()
        limit = None
        if dice.random() < 0.3:
            # Some at a price that will hardly come today, some near the market.
            away = Decimal(dice.choice([2, 20, 500])) / 1000
            limit = quote.at(1 - away if buys else 1 + away)
        began = time.monotonic()
        order = await self._placed(trader, side, quote, units, limit)
        self._day.took_s.append(time.monotonic() - began)
        if buys and order.state == Order.FILLED:
            trader.owned.append((quote, units))
        return trader, order

    async def _placed(
        self, trader: Trader, side: Order.Side, quote: Quote, units: str, limit: str | None
    ) -> Order:
        try:
            order = await trader.order(side, quote, units, limit)
        except grpc.aio.AioRpcError as error:
            reason = reason_of(error)
            if reason not in EXPECTED:
                raise
            self._day.orders[f"refused ({Reason.Name(reason)})"] += 1
            return Order(state=Order.REJECTED)
        self._day.orders[Order.State.Name(order.state)] += 1
        self._day.turnover += Decimal(order.total or 0)
        return order

    async def _cancel(self, trader: Trader, order: Order) -> None:
        try:
            await trader.cancel(order)
        except grpc.aio.AioRpcError as error:
            if reason_of(error) != Reason.ORDER_NOT_OPEN:
                raise
            return  # The market was faster.
        self._day.orders["OPEN"] -= 1
        self._day.orders["CANCELLED"] += 1
