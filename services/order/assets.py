"""What orders must know of assets: how finely they are counted, and what they cost now."""

from __future__ import annotations

from collections.abc import Awaitable
from dataclasses import dataclass
from decimal import Decimal
from typing import Protocol

from tradewind.api.v1.reason_pb2 import Reason
from tradewind.inventory.v1.stock_pb2 import (
    BatchGetQuotesRequest,
    BatchGetQuotesResponse,
    Quote,
)

from mesh.runtime.errors import CallError

MAX_KNOWN = 10_000


class QuoteStub(Protocol):
    """The stub of inventory's QuoteService."""

    def BatchGetQuotes(
        self, request: BatchGetQuotesRequest, /
    ) -> Awaitable[BatchGetQuotesResponse]:
        """Quotes of the assets that are known."""


@dataclass(frozen=True, slots=True)
class Scales:
    """Most decimal places of an asset's quantities and prices; they never change."""

    quantity: int
    price: int


class Assets:
    """Knows the scales of assets, asked of inventory once each, and their newest prices."""

    def __init__(self, stub: QuoteStub) -> None:
        self._stub = stub
        self._known: dict[str, Scales] = {}
        self.prices: dict[str, int] = {}
        """The newest price of each asset, in atomic units of its price."""

    async def scales(self, asset_id: str) -> Scales:
        """An asset's scales.

        Raises:
            CallError: ASSET_NOT_FOUND.
            grpc.aio.AioRpcError: inventory did not answer.
        """
        if asset_id not in self._known:
            await self._learn(BatchGetQuotesRequest(asset_ids=[asset_id]))
        if asset_id not in self._known:
            raise CallError(
                Reason.ASSET_NOT_FOUND,
                "There is no such asset.",
                metadata={"assetId": asset_id},
            )
        return self._known[asset_id]

    async def refresh(self) -> None:
        """Asks for the prices of all assets."""
        await self._learn(BatchGetQuotesRequest())

    async def _learn(self, request: BatchGetQuotesRequest) -> None:
        # Only assets that exist are kept, so callers cannot fill the table with their own words.
        reply = await self._stub.BatchGetQuotes(request)
        if len(self._known) >= MAX_KNOWN:
            self._known.clear()
            self.prices.clear()
        for quote in reply.quotes:
            self._known[quote.asset_id] = Scales(quote.quantity_scale, quote.price_scale)
            self.prices[quote.asset_id] = _units(quote)


def _units(quote: Quote) -> int:
    return int(Decimal(quote.price).scaleb(quote.price_scale))
