"""What assets are and cost now, asked of the inventory service."""

from __future__ import annotations

from collections.abc import Awaitable, Sequence
from typing import Protocol

from tradewind.api.v1.reason_pb2 import Reason
from tradewind.inventory.v1.stock_pb2 import BatchGetQuotesRequest, BatchGetQuotesResponse, Quote

from mesh.runtime.errors import CallError


class QuoteSource(Protocol):
    """The stub of inventory's QuoteService."""

    def BatchGetQuotes(
        self, request: BatchGetQuotesRequest, /
    ) -> Awaitable[BatchGetQuotesResponse]:
        """Quotes of the assets that are known."""


class Quotes:
    """Looks quotes up, one RPC for all."""

    def __init__(self, source: QuoteSource) -> None:
        self._source = source

    async def of(self, asset_ids: Sequence[str]) -> dict[str, Quote]:
        """Quotes by asset id; unknown assets are left out."""
        if not asset_ids:
            return {}
        reply = await self._source.BatchGetQuotes(BatchGetQuotesRequest(asset_ids=asset_ids))
        return {quote.asset_id: quote for quote in reply.quotes}

    async def one(self, asset_id: str) -> Quote:
        """One asset's quote.

        Raises:
            CallError: ASSET_NOT_FOUND.
        """
        found = await self.of([asset_id])
        if asset_id not in found:
            raise CallError(
                Reason.ASSET_NOT_FOUND,
                "There is no such asset.",
                metadata={"assetId": asset_id},
            )
        return found[asset_id]
