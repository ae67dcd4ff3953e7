"""Stock and ledger in memory, as their contracts promise them: every decision made once."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterable
from decimal import Decimal

import grpc
from tradewind.api.v1.reason_pb2 import Reason
from tradewind.inventory.v1 import stock_pb2
from tradewind.inventory.v1.stock_pb2 import Attempt
from tradewind.user.v1 import ledger_pb2
from tradewind.user.v1.ledger_pb2 import GroupDecision, Transfer, TransferGroup


def unavailable() -> grpc.aio.AioRpcError:
    """What a client raises when nobody answered."""
    none = grpc.aio.Metadata()
    return grpc.aio.AioRpcError(grpc.StatusCode.UNAVAILABLE, none, none)


class Faults:
    """Steps that fail once: before they take effect, or after it."""

    def __init__(self) -> None:
        self.planned: set[tuple[str, str]] = set()
        self.gates: dict[str, asyncio.Event] = {}
        self.reached: dict[str, asyncio.Event] = {}

    def hold(self, step: str) -> asyncio.Event:
        """Lets nobody past the beginning of a step until the event is set."""
        self.gates[step], self.reached[step] = asyncio.Event(), asyncio.Event()
        return self.gates[step]

    async def at(self, step: str, when: str) -> None:
        """Raises where a fault was planned."""
        if when == "before" and step in self.gates:
            gate = self.gates.pop(step)
            self.reached[step].set()
            await gate.wait()
        if (step, when) in self.planned:
            self.planned.remove((step, when))
            raise unavailable()


class FakeStock:
    """Inventory with one price."""

    def __init__(self, faults: Faults, price: str = "100", available: int = 10**12) -> None:
        self.faults = faults
        self.price = price
        self.available = available
        self.attempts: dict[str, Attempt] = {}
        self.quantities: dict[str, int] = {}
        self.calls: Counter[str] = Counter()

    async def ReserveStock(
        self, request: stock_pb2.ReserveStockRequest
    ) -> stock_pb2.ReserveStockResponse:
        self.calls["reserve"] += 1
        await self.faults.at("reserve", "before")
        for item in request.items:
            if item.attempt_id not in self.attempts:
                self.attempts[item.attempt_id] = self._decide(item)
        await self.faults.at("reserve", "after")
        return stock_pb2.ReserveStockResponse(
            attempts=self._states(item.attempt_id for item in request.items)
        )

    def _decide(self, item: stock_pb2.ReserveStockRequest.Item) -> Attempt:
        refused = Attempt(attempt_id=item.attempt_id, state=Attempt.REFUSED)
        price = Decimal(self.price)
        if (item.HasField("max_price") and price > Decimal(item.max_price)) or (
            item.HasField("min_price") and price < Decimal(item.min_price)
        ):
            refused.reason = Reason.PRICE_BOUND
            return refused
        if item.side == Attempt.BUY and item.quantity > self.available:
            refused.reason = Reason.OUT_OF_STOCK
            return refused
        if item.side == Attempt.BUY:
            self.available -= item.quantity
        self.quantities[item.attempt_id] = item.quantity if item.side == Attempt.BUY else 0
        return Attempt(attempt_id=item.attempt_id, state=Attempt.RESERVED, price=self.price)

    async def CommitStock(
        self, request: stock_pb2.CommitStockRequest
    ) -> stock_pb2.CommitStockResponse:
        self.calls["commit"] += 1
        await self.faults.at("commit", "before")
        for attempt_id in request.attempt_ids:
            if self.attempts[attempt_id].state == Attempt.RESERVED:
                self.attempts[attempt_id].state = Attempt.COMMITTED
        await self.faults.at("commit", "after")
        return stock_pb2.CommitStockResponse(attempts=self._states(request.attempt_ids))

    async def ReleaseStock(
        self, request: stock_pb2.ReleaseStockRequest
    ) -> stock_pb2.ReleaseStockResponse:
        self.calls["release"] += 1
        await self.faults.at("release", "before")
        for attempt_id in request.attempt_ids:
            unknown = Attempt(attempt_id=attempt_id, state=Attempt.RELEASED)
            found = self.attempts.setdefault(attempt_id, unknown)
            if found.state == Attempt.RESERVED:
                found.state = Attempt.RELEASED
                self.available += self.quantities[attempt_id]
        await self.faults.at("release", "after")
        return stock_pb2.ReleaseStockResponse(attempts=self._states(request.attempt_ids))

    def _states(self, attempt_ids: Iterable[str]) -> list[Attempt]:
        copies = []
        for attempt_id in attempt_ids:
            copy = Attempt()
            copy.CopyFrom(self.attempts[attempt_id])
            copies.append(copy)
        return copies


class FakeQuotes:
    """The price that stock has, as inventory tells it."""

    def __init__(self, stock: FakeStock) -> None:
        self._stock = stock

    async def BatchGetQuotes(
        self, request: stock_pb2.BatchGetQuotesRequest
    ) -> stock_pb2.BatchGetQuotesResponse:
        quote = stock_pb2.Quote(
            asset_id="BTC", price=self._stock.price, price_scale=2, quantity_scale=3
        )
        return stock_pb2.BatchGetQuotesResponse(quotes=[quote])


class FakeLedger:
    """A two-phase ledger in which every customer begins with so many cents."""

    def __init__(self, faults: Faults, cents: int = 100_000_000) -> None:
        self.faults = faults
        self.cents = cents
        self.given: Counter[str] = Counter()
        """Units of the asset that customers begin with."""
        self.moved: Counter[tuple[str, str]] = Counter()
        self.holds: dict[str, Transfer] = {}
        self.decisions: dict[str, GroupDecision] = {}
        self.calls: Counter[str] = Counter()

    def available(self, owner: str, asset_id: str) -> int:
        """What somebody has and has not held."""
        begun = self.cents if asset_id == "USD" else self.given[owner]
        held = sum(
            hold.amount
            for hold in self.holds.values()
            if (hold.debit.owner, hold.debit.asset_id) == (owner, asset_id)
        )
        return begun + self.moved[owner, asset_id] - held

    async def CreateTransfers(
        self, request: ledger_pb2.CreateTransfersRequest
    ) -> ledger_pb2.CreateTransfersResponse:
        self.calls["post"] += 1
        await self.faults.at("post", "before")
        for group in request.groups:
            if group.group_id not in self.decisions:
                self.decisions[group.group_id] = self._decide(group)
        await self.faults.at("post", "after")
        return ledger_pb2.CreateTransfersResponse(
            decisions=[self.decisions[group.group_id] for group in request.groups]
        )

    def _decide(self, group: TransferGroup) -> GroupDecision:
        decision = GroupDecision(group_id=group.group_id, outcome=GroupDecision.REFUSED)
        for transfer in group.transfers:
            if reason := self._refusal(transfer):
                decision.reason = reason
                return decision
        for transfer in group.transfers:
            self._move(transfer)
        decision.outcome = GroupDecision.POSTED
        return decision

    def _refusal(self, transfer: Transfer) -> Reason | None:
        if transfer.kind in (Transfer.POST, Transfer.VOID):
            hold = self.holds.get(transfer.pending_id)
            return None if hold else Reason.HOLD_NOT_PENDING
        owner, asset_id = transfer.debit.owner, transfer.debit.asset_id
        if owner == "platform" or self.available(owner, asset_id) >= transfer.amount:
            return None
        return Reason.INSUFFICIENT_FUNDS if asset_id == "USD" else Reason.INSUFFICIENT_HOLDING

    def _move(self, transfer: Transfer) -> None:
        if transfer.kind == Transfer.PENDING:
            self.holds[transfer.transfer_id] = transfer
            return
        if transfer.kind in (Transfer.POST, Transfer.VOID):
            hold = self.holds.pop(transfer.pending_id)
            assert (hold.debit, hold.credit) == (transfer.debit, transfer.credit)
            assert transfer.amount <= hold.amount
        if transfer.kind != Transfer.VOID:
            self.moved[transfer.debit.owner, transfer.debit.asset_id] -= transfer.amount
            self.moved[transfer.credit.owner, transfer.credit.asset_id] += transfer.amount

    async def CancelGroups(
        self, request: ledger_pb2.CancelGroupsRequest
    ) -> ledger_pb2.CancelGroupsResponse:
        self.calls["cancel"] += 1
        await self.faults.at("cancel", "before")
        for group_id in request.group_ids:
            cancelled = GroupDecision(group_id=group_id, outcome=GroupDecision.CANCELLED)
            self.decisions.setdefault(group_id, cancelled)
        await self.faults.at("cancel", "after")
        return ledger_pb2.CancelGroupsResponse(
            decisions=[self.decisions[group_id] for group_id in request.group_ids]
        )
