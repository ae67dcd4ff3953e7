"""The services that an order is made with: stock and ledger, one RPC for many orders."""

from __future__ import annotations

from collections.abc import Awaitable, Sequence
from typing import Protocol

from tradewind.inventory.v1 import stock_pb2
from tradewind.inventory.v1.stock_pb2 import Attempt
from tradewind.user.v1 import ledger_pb2
from tradewind.user.v1.ledger_pb2 import GroupDecision, TransferGroup

from mesh.runtime.batch import Batcher
from services.order.domain.order import Order
from services.order.groups import reservation


class StockStub(Protocol):
    """The stub of inventory's StockService."""

    def ReserveStock(
        self, request: stock_pb2.ReserveStockRequest, /
    ) -> Awaitable[stock_pb2.ReserveStockResponse]:
        """Decides attempts."""

    def CommitStock(
        self, request: stock_pb2.CommitStockRequest, /
    ) -> Awaitable[stock_pb2.CommitStockResponse]:
        """Makes attempts final."""

    def ReleaseStock(
        self, request: stock_pb2.ReleaseStockRequest, /
    ) -> Awaitable[stock_pb2.ReleaseStockResponse]:
        """Gives attempts up."""


class LedgerStub(Protocol):
    """The stub of user's LedgerService."""

    def CreateTransfers(
        self, request: ledger_pb2.CreateTransfersRequest, /
    ) -> Awaitable[ledger_pb2.CreateTransfersResponse]:
        """Decides groups."""

    def CancelGroups(
        self, request: ledger_pb2.CancelGroupsRequest, /
    ) -> Awaitable[ledger_pb2.CancelGroupsResponse]:
        """Cancels groups that were not decided."""


class Stock:
    """Inventory's stock; orders that wait together share a call."""

    def __init__(self, stub: StockStub) -> None:
        self._stub = stub
        self._reserves: Batcher[Order, Attempt] = Batcher("stock reserve", self._reserve)
        self._commits: Batcher[str, Attempt] = Batcher("stock commit", self._commit)
        self._releases: Batcher[str, Attempt] = Batcher("stock release", self._release)

    async def reserve(self, order: Order) -> Attempt:
        """Decides an order's attempt, once."""
        return await self._reserves.submit(order)

    async def commit(self, attempt_id: str) -> Attempt:
        """Makes an attempt final."""
        return await self._commits.submit(attempt_id)

    async def release(self, attempt_id: str) -> Attempt:
        """Gives an attempt up."""
        return await self._releases.submit(attempt_id)

    async def _reserve(self, batch: Sequence[Order]) -> Sequence[Attempt]:
        items = [reservation(order) for order in batch]
        request = stock_pb2.ReserveStockRequest(items=items)
        return (await self._stub.ReserveStock(request)).attempts

    async def _commit(self, batch: Sequence[str]) -> Sequence[Attempt]:
        request = stock_pb2.CommitStockRequest(attempt_ids=batch)
        return (await self._stub.CommitStock(request)).attempts

    async def _release(self, batch: Sequence[str]) -> Sequence[Attempt]:
        request = stock_pb2.ReleaseStockRequest(attempt_ids=batch)
        return (await self._stub.ReleaseStock(request)).attempts


class Ledger:
    """The user service's ledger; orders that wait together share a call."""

    def __init__(self, stub: LedgerStub) -> None:
        self._stub = stub
        self._posts: Batcher[TransferGroup, GroupDecision] = Batcher("ledger post", self._post)
        self._cancels: Batcher[str, GroupDecision] = Batcher("ledger cancel", self._cancel)

    async def post(self, group: TransferGroup) -> GroupDecision:
        """Decides a group, once."""
        return await self._posts.submit(group)

    async def cancel(self, group_id: str) -> GroupDecision:
        """Cancels a group where it is not decided; answers the decision in force."""
        return await self._cancels.submit(group_id)

    async def _post(self, batch: Sequence[TransferGroup]) -> Sequence[GroupDecision]:
        request = ledger_pb2.CreateTransfersRequest(groups=batch)
        return (await self._stub.CreateTransfers(request)).decisions

    async def _cancel(self, batch: Sequence[str]) -> Sequence[GroupDecision]:
        request = ledger_pb2.CancelGroupsRequest(group_ids=batch)
        return (await self._stub.CancelGroups(request)).decisions
