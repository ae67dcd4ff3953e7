"""The inventory's gRPC services: assets, quotes, stock, audit."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable, Sequence
from decimal import Decimal

from tradewind.api.v1.reason_pb2 import Reason
from tradewind.inventory.v1 import asset_pb2, audit_pb2, stock_pb2
from tradewind.inventory.v1.asset_pb2_grpc import AssetServiceServicer
from tradewind.inventory.v1.audit_pb2_grpc import AuditServiceServicer
from tradewind.inventory.v1.stock_pb2_grpc import QuoteServiceServicer, StockServiceServicer

from mesh.runtime.batch import Batcher
from mesh.runtime.errors import CallError, Violation, invalid
from mesh.runtime.paging import decode_token, encode_token, page_size
from mesh.runtime.times import timestamp
from services.inventory.assets import Asset
from services.inventory.domain import Attempt, Commit, Operation, Release, Reserve, Side
from services.inventory.market import SOURCE
from services.inventory.store_assets import AssetStore
from services.inventory.store_stock import ScaledLevel, StockStore

Stock = Batcher[Operation, Attempt]
_TIMES = ("price_time", "update_time", "all_time_high_time", "all_time_low_time")


def asset_message(asset: Asset) -> asset_pb2.Asset:
    """An asset in the contract's form."""
    message = asset_pb2.Asset(source=SOURCE)
    for name in Asset.__dataclass_fields__:
        value = getattr(asset, name)
        if name in _TIMES:
            getattr(message, name).CopyFrom(timestamp(value))
        else:
            setattr(message, name, value)
    return message


def attempt_message(attempt: Attempt) -> stock_pb2.Attempt:
    """An attempt's decision in the contract's form."""
    return stock_pb2.Attempt(
        attempt_id=attempt.attempt_id,
        state=stock_pb2.Attempt.State.Name(int(attempt.state)),
        reason=attempt.reason,
        price=attempt.price,
    )


class Assets(AssetServiceServicer):
    """Public reads of assets."""

    def __init__(self, store: AssetStore) -> None:
        self._store = store

    async def ListAssets(
        self, request: asset_pb2.ListAssetsRequest, _: object
    ) -> asset_pb2.ListAssetsResponse:
        """Assets by rank."""
        query = ("assets", request.category)
        after = decode_token(request.page_token, int, *query) if request.page_token else 0
        size = page_size(request.page_size)
        found = await self._store.page(request.category, after, size + 1)
        more = encode_token(found[size - 1].rank, *query) if len(found) > size else ""
        return asset_pb2.ListAssetsResponse(
            assets=[asset_message(asset) for asset in found[:size]], next_page_token=more
        )

    async def GetAsset(self, request: asset_pb2.GetAssetRequest, _: object) -> asset_pb2.Asset:
        """One asset; ASSET_NOT_FOUND when there is none of that id."""
        found = await self._store.find([request.asset_id])
        if not found:
            raise CallError(
                Reason.ASSET_NOT_FOUND,
                "There is no such asset.",
                metadata={"assetId": request.asset_id},
            )
        return asset_message(found[0])


class Quotes(QuoteServiceServicer):
    """Prices for the other services."""

    def __init__(self, store: AssetStore) -> None:
        self._store = store

    async def BatchGetQuotes(
        self, request: stock_pb2.BatchGetQuotesRequest, _: object
    ) -> stock_pb2.BatchGetQuotesResponse:
        """Quotes of the named assets that exist, or of all."""
        found = await self._store.find(request.asset_ids)
        return stock_pb2.BatchGetQuotesResponse(quotes=[_quote(asset) for asset in found])


def _quote(asset: Asset) -> stock_pb2.Quote:
    return stock_pb2.Quote(
        asset_id=asset.asset_id,
        name=asset.name,
        price=asset.price,
        price_scale=asset.price_scale,
        quantity_scale=asset.quantity_scale,
        price_time=timestamp(asset.price_time),
    )


def _reserve(number: int, item: stock_pb2.ReserveStockRequest.Item) -> Reserve:
    try:
        side = Side(int(item.side))
    except ValueError as error:
        raise invalid(Violation(f"items[{number}].side", "must be BUY or SELL")) from error
    return Reserve(
        item.attempt_id,
        item.asset_id,
        side,
        item.quantity,
        Decimal(item.max_price) if item.HasField("max_price") else None,
        Decimal(item.min_price) if item.HasField("min_price") else None,
    )


class StockOperations(StockServiceServicer):
    """Reserve, commit and release; calls that wait together share one transaction."""

    def __init__(self, stock: Stock) -> None:
        self._stock = stock

    async def _decide(self, operations: Iterable[Operation]) -> list[stock_pb2.Attempt]:
        outcomes: Sequence[Attempt] = await asyncio.gather(
            *(self._stock.submit(operation) for operation in operations)
        )
        return [attempt_message(attempt) for attempt in outcomes]

    async def ReserveStock(
        self, request: stock_pb2.ReserveStockRequest, _: object
    ) -> stock_pb2.ReserveStockResponse:
        """Decides each item once: reserved at the present price, or refused."""
        items = [_reserve(number, item) for number, item in enumerate(request.items)]
        return stock_pb2.ReserveStockResponse(attempts=await self._decide(items))

    async def CommitStock(
        self, request: stock_pb2.CommitStockRequest, _: object
    ) -> stock_pb2.CommitStockResponse:
        """Makes reservations final."""
        operations = [Commit(attempt_id) for attempt_id in request.attempt_ids]
        return stock_pb2.CommitStockResponse(attempts=await self._decide(operations))

    async def ReleaseStock(
        self, request: stock_pb2.ReleaseStockRequest, _: object
    ) -> stock_pb2.ReleaseStockResponse:
        """Returns what was set aside; an unknown attempt can no longer reserve."""
        operations = [Release(attempt_id) for attempt_id in request.attempt_ids]
        return stock_pb2.ReleaseStockResponse(attempts=await self._decide(operations))


class Audit(AuditServiceServicer):
    """All stock and attempts, for `mesh audit`."""

    def __init__(self, store: StockStore) -> None:
        self._store = store

    async def Audit(
        self, _request: audit_pb2.AuditRequest, _: object
    ) -> AsyncIterator[audit_pb2.AuditResponse]:
        """Levels first, then attempts, from one snapshot."""
        async for page in self._store.audit():
            response = audit_pb2.AuditResponse()
            for entry in page:
                if isinstance(entry, ScaledLevel):
                    response.levels.append(_level(entry))
                else:
                    response.attempts.append(_record(entry))
            yield response


def _level(scaled: ScaledLevel) -> audit_pb2.StockLevel:
    level = scaled.level
    return audit_pb2.StockLevel(
        asset_id=level.asset_id,
        available=level.available,
        reserved=level.reserved,
        put_in=level.put_in,
        quantity_scale=scaled.quantity_scale,
    )


def _record(attempt: Attempt) -> audit_pb2.AttemptRecord:
    return audit_pb2.AttemptRecord(
        attempt=attempt_message(attempt),
        asset_id=attempt.asset_id,
        side=stock_pb2.Attempt.Side.Name(int(attempt.side)),
        quantity=attempt.quantity,
    )
