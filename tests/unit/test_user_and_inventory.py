"""The user and inventory services as processes of their own, called over mTLS as their peers do."""

from __future__ import annotations

import asyncio
import base64
import json
import os
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc
import httpx
import pytest
from tradewind.api.v1.reason_pb2 import Reason
from tradewind.inventory.v1 import asset_pb2, audit_pb2, stock_pb2
from tradewind.inventory.v1.asset_pb2_grpc import AssetServiceStub
from tradewind.inventory.v1.audit_pb2_grpc import AuditServiceStub as StockAuditStub
from tradewind.inventory.v1.stock_pb2_grpc import QuoteServiceStub, StockServiceStub
from tradewind.user.v1 import account_pb2, ledger_pb2, user_pb2
from tradewind.user.v1 import audit_pb2 as user_audit_pb2
from tradewind.user.v1.account_pb2_grpc import AccountServiceStub
from tradewind.user.v1.audit_pb2_grpc import AuditServiceStub as LedgerAuditStub
from tradewind.user.v1.ledger_pb2_grpc import LedgerServiceStub
from tradewind.user.v1.user_pb2_grpc import ProvisioningServiceStub, UserServiceStub

from mesh.identity.names import ROLES_HEADER, SUBJECT_HEADER
from mesh.runtime.client import MeshChannel
from mesh.runtime.errors import reason_of
from mesh.runtime.ids import new_id
from tests.support.eventually import eventually
from tests.support.workloads import Workloads

ROLES = base64.urlsafe_b64encode(json.dumps(["CUSTOMER"]).encode()).decode().rstrip("=")


@dataclass
class Peers:
    """The two services, and channels to them as any workload."""

    workloads: Workloads
    addresses: dict[str, str]
    channels: list[grpc.aio.Channel]

    def internal(self, caller: str, to: str) -> MeshChannel:
        channel = MeshChannel(to, [self.addresses[to]], self.workloads.identity(caller))
        self.channels.append(channel)
        return channel

    def edge(self, to: str) -> grpc.aio.Channel:
        files = self.workloads.identity("edge")
        credentials = grpc.ssl_channel_credentials(
            files.ca.read_bytes(), files.key.read_bytes(), files.certificate.read_bytes()
        )
        options = [("grpc.ssl_target_name_override", to)]
        channel = grpc.aio.secure_channel(self.addresses[to], credentials, options=options)
        self.channels.append(channel)
        return channel


@pytest.fixture
async def peers(tmp_path: Path) -> AsyncIterator[Peers]:
    workloads = Workloads(tmp_path)
    settings = {name: workloads.settings(name) for name in ("inventory", "user")}
    found = Peers(workloads, {name: each.listen for name, each in settings.items()}, [])
    processes = [
        await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            f"services.{name}.main",
            env=os.environ
            | {
                "TRADEWIND_LISTEN": each.listen,
                "TRADEWIND_HTTP_LISTEN": each.http_listen,
                "TRADEWIND_IDENTITY": str(each.identity),
                "TRADEWIND_DATABASE_URL": each.database_url,
                "TRADEWIND_PEERS": json.dumps({"inventory": [settings["inventory"].listen]}),
                "TRADEWIND_DRAIN_S": "0",
            },
        )
        for name, each in settings.items()
    ]
    async with httpx.AsyncClient() as http:

        async def ready() -> bool:
            try:
                answers = [
                    await http.get(f"http://{each.http_listen}/readyz")
                    for each in settings.values()
                ]
            except httpx.TransportError:
                return False
            return all(answer.status_code == 200 for answer in answers)

        await eventually(ready, 30)
    yield found
    for channel in found.channels:
        await channel.close()
    for process in processes:
        process.terminate()
    assert await asyncio.gather(*(process.wait() for process in processes)) == [0, 0]


async def refusal(call: Any) -> grpc.aio.AioRpcError:
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await call
    return refused.value


def new_user(user_id: str) -> user_pb2.CreateUserRequest:
    return user_pb2.CreateUserRequest(
        user_id=user_id,
        username="ada",
        email="ada@example.com",
        first_name="Ada",
        last_name="Lovelace",
    )


def buy(group_id: str, user_id: str, cents: int, units: int) -> ledger_pb2.TransferGroup:
    def key(owner: str, asset: str) -> ledger_pb2.AccountKey:
        return ledger_pb2.AccountKey(owner=owner, asset_id=asset)

    common: dict[str, Any] = {"purpose": ledger_pb2.Transfer.BUY, "reference": "order-1"}
    return ledger_pb2.TransferGroup(
        group_id=group_id,
        transfers=[
            ledger_pb2.Transfer(
                debit=key(user_id, "USD"), credit=key("platform", "USD"), amount=cents, **common
            ),
            ledger_pb2.Transfer(
                debit=key("platform", "OP"),
                credit=key(user_id, "OP"),
                amount=units,
                cost=cents,
                **common,
            ),
        ],
    )


async def test_a_customer_deposits_and_holds_what_the_ledger_moved(peers: Peers) -> None:
    alice = new_id()
    token = ((SUBJECT_HEADER, alice), (ROLES_HEADER, ROLES))
    provisioning = ProvisioningServiceStub(peers.internal("auth", "user"))
    first = await provisioning.CreateUser(new_user(alice))
    assert await provisioning.CreateUser(new_user(alice)) == first

    users = UserServiceStub(peers.edge("user"))
    assert (await users.GetProfile(user_pb2.GetProfileRequest(), metadata=token)) == first
    changed = await users.UpdateProfile(
        user_pb2.UpdateProfileRequest(first_name="Augusta"), metadata=token
    )
    assert changed.first_name == "Augusta"

    accounts = AccountServiceStub(peers.edge("user"))
    deposit = account_pb2.DepositRequest(amount="100.30", request_id="d")
    once, again = await asyncio.gather(
        *(accounts.Deposit(deposit, metadata=token) for _ in range(2))
    )
    assert once == again
    assert (once.amount, once.balance_after) == ("100.30", "100.30")
    reused = account_pb2.DepositRequest(amount="1", request_id="d")
    error = await refusal(accounts.Deposit(reused, metadata=token))
    assert reason_of(error) == Reason.REQUEST_ID_REUSED
    too_much = account_pb2.WithdrawRequest(amount="100.31", request_id="w")
    error = await refusal(accounts.Withdraw(too_much, metadata=token))
    assert reason_of(error) == Reason.INSUFFICIENT_FUNDS

    quotes = QuoteServiceStub(peers.internal("order", "inventory"))
    quote = (await quotes.BatchGetQuotes(stock_pb2.BatchGetQuotesRequest(asset_ids=["OP"]))).quotes[
        0
    ]
    unit = 10**quote.quantity_scale
    ledger = LedgerServiceStub(peers.internal("order", "user"))
    request = ledger_pb2.CreateTransfersRequest(
        groups=[buy("g-1", alice, 3000, 10 * unit), buy("g-2", alice, 999_999, unit)]
    )
    for _ in range(2):
        decisions = (await ledger.CreateTransfers(request)).decisions
        assert [decision.outcome for decision in decisions] == [
            ledger_pb2.GroupDecision.POSTED,
            ledger_pb2.GroupDecision.REFUSED,
        ]
    assert decisions[1].reason == Reason.INSUFFICIENT_FUNDS
    cancel = ledger_pb2.CancelGroupsRequest(group_ids=["g-1", "g-3"])
    outcomes = [decision.outcome for decision in (await ledger.CancelGroups(cancel)).decisions]
    assert outcomes == [ledger_pb2.GroupDecision.POSTED, ledger_pb2.GroupDecision.CANCELLED]

    holding = await accounts.GetHolding(
        account_pb2.GetHoldingRequest(asset_id="OP"), metadata=token
    )
    assert holding.available.rstrip("0").rstrip(".") == "10"
    portfolio = await accounts.GetPortfolio(account_pb2.GetPortfolioRequest(), metadata=token)
    assert portfolio.cash == "70.30"
    assert [position.asset_id for position in portfolio.positions] == ["OP"]
    assert portfolio.positions[0].average_cost.rstrip("0").rstrip(".") == "3"
    page = await accounts.ListTransactions(
        account_pb2.ListTransactionsRequest(page_size=1), metadata=token
    )
    assert (page.transactions[0].amount, page.transactions[0].order_id) == ("-30.00", "order-1")
    assert page.next_page_token
    audit = LedgerAuditStub(peers.internal("cli", "user"))
    records = [part async for part in audit.Audit(user_audit_pb2.AuditRequest())]
    assert sum(len(part.transfers) for part in records) == 3


async def test_stock_is_reserved_committed_and_released_once(peers: Peers) -> None:
    assets = AssetServiceStub(peers.edge("inventory"))
    listed = await assets.ListAssets(asset_pb2.ListAssetsRequest(page_size=100))
    assert len(listed.assets) >= 50
    bitcoin = await assets.GetAsset(asset_pb2.GetAssetRequest(asset_id="BTC"))
    assert bitcoin.source == "simulated"
    error = await refusal(assets.GetAsset(asset_pb2.GetAssetRequest(asset_id="NOPE")))
    assert reason_of(error) == Reason.ASSET_NOT_FOUND

    stock = StockServiceStub(peers.internal("order", "inventory"))
    item: dict[str, Any] = {"asset_id": "BTC", "side": stock_pb2.Attempt.BUY, "quantity": 5}
    reserve = stock_pb2.ReserveStockRequest(
        items=[
            stock_pb2.ReserveStockRequest.Item(attempt_id="a", **item),
            stock_pb2.ReserveStockRequest.Item(attempt_id="b", **item),
            stock_pb2.ReserveStockRequest.Item(attempt_id="c", max_price="0.01", **item),
        ]
    )
    attempts = (await stock.ReserveStock(reserve)).attempts
    states = stock_pb2.Attempt
    assert [attempt.state for attempt in attempts] == [
        states.RESERVED,
        states.RESERVED,
        states.REFUSED,
    ]
    assert attempts[2].reason == Reason.PRICE_BOUND
    commit = stock_pb2.CommitStockRequest(attempt_ids=["a"])
    release = stock_pb2.ReleaseStockRequest(attempt_ids=["a", "b", "late"])
    for _ in range(2):
        assert (await stock.CommitStock(commit)).attempts[0].state == states.COMMITTED
        released = (await stock.ReleaseStock(release)).attempts
        assert [attempt.state for attempt in released] == [
            states.COMMITTED,
            states.RELEASED,
            states.RELEASED,
        ]
    audit = StockAuditStub(peers.internal("cli", "inventory"))
    levels = {
        level.asset_id: level
        async for part in audit.Audit(audit_pb2.AuditRequest())
        for level in part.levels
    }
    assert levels["BTC"].put_in - levels["BTC"].available == 5
    assert levels["BTC"].reserved == 0
