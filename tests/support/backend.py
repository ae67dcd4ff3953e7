"""User and inventory as real processes, and what a test of the order service asks of them."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path

import grpc
import httpx
from tradewind.inventory.v1.audit_pb2 import AuditRequest as StockAuditRequest
from tradewind.inventory.v1.audit_pb2_grpc import AuditServiceStub as StockAuditStub
from tradewind.inventory.v1.stock_pb2 import BatchGetQuotesRequest
from tradewind.inventory.v1.stock_pb2_grpc import QuoteServiceStub
from tradewind.order.v1.audit_pb2 import AuditRequest
from tradewind.order.v1.audit_pb2_grpc import AuditServiceStub
from tradewind.order.v1.order_pb2 import Order
from tradewind.user.v1.account_pb2 import DepositRequest
from tradewind.user.v1.account_pb2_grpc import AccountServiceStub
from tradewind.user.v1.audit_pb2 import AuditRequest as LedgerAuditRequest
from tradewind.user.v1.audit_pb2_grpc import AuditServiceStub as LedgerAuditStub
from tradewind.user.v1.user_pb2 import CreateUserRequest
from tradewind.user.v1.user_pb2_grpc import ProvisioningServiceStub

from mesh.cli.audit_books import Books
from mesh.cli.audit_rules import RULES, check, users_can_sign_in
from mesh.identity.names import ROLES_HEADER, SUBJECT_HEADER
from mesh.runtime.client import MeshChannel
from mesh.runtime.ids import new_id
from mesh.runtime.settings import ServiceSettings
from tests.support.eventually import eventually
from tests.support.workloads import Workloads

ROLES = "WyJDVVNUT01FUiJd"


@dataclass
class Backend:
    """User and inventory that stay, and an order service that a test starts and kills."""

    workloads: Workloads
    settings: dict[str, ServiceSettings]
    customer: str = field(default_factory=new_id)
    channels: list[grpc.aio.Channel] = field(default_factory=list)
    processes: list[asyncio.subprocess.Process] = field(default_factory=list)

    def internal(self, caller: str, to: str) -> MeshChannel:
        channel = MeshChannel(to, [self.settings[to].listen], self.workloads.identity(caller))
        self.channels.append(channel)
        return channel

    def edge(self, to: str) -> grpc.aio.Channel:
        files = self.workloads.identity("edge")
        credentials = grpc.ssl_channel_credentials(
            files.ca.read_bytes(), files.key.read_bytes(), files.certificate.read_bytes()
        )
        options = [("grpc.ssl_target_name_override", to), ("grpc.enable_retries", 0)]
        channel = grpc.aio.secure_channel(self.settings[to].listen, credentials, options=options)
        self.channels.append(channel)
        return channel

    @property
    def token(self) -> tuple[tuple[str, str], ...]:
        return ((SUBJECT_HEADER, self.customer), (ROLES_HEADER, ROLES))

    async def start(self, name: str, module: str, **more: str) -> asyncio.subprocess.Process:
        each = self.settings[name]
        environment = {
            "TRADEWIND_LISTEN": each.listen,
            "TRADEWIND_HTTP_LISTEN": each.http_listen,
            "TRADEWIND_IDENTITY": str(each.identity),
            "TRADEWIND_DATABASE_URL": each.database_url,
            "TRADEWIND_PEERS": json.dumps({n: [s.listen] for n, s in self.settings.items()}),
            "TRADEWIND_DRAIN_S": "0",
            "TRADEWIND_LEASE_S": "0.2",
            "TRADEWIND_SWEEP_INTERVAL_S": "0.1",
            **more,
        }
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", module, env=os.environ | environment
        )
        self.processes.append(process)
        async with httpx.AsyncClient() as http:

            async def ready() -> bool:
                try:
                    answer = await http.get(f"http://{each.http_listen}/readyz")
                except httpx.TransportError:
                    return False
                return answer.status_code == 200

            await eventually(ready, within_s=60)
        return process

    async def deposit(self, amount: str, request_id: str) -> None:
        """The customer puts money in."""
        await AccountServiceStub(self.edge("user")).Deposit(
            DepositRequest(amount=amount, request_id=request_id), metadata=self.token, timeout=5
        )

    async def price(self) -> Decimal:
        quotes = QuoteServiceStub(self.internal("order", "inventory"))
        reply = await quotes.BatchGetQuotes(BatchGetQuotesRequest(asset_ids=["BTC"]))
        return Decimal(reply.quotes[0].price)

    async def books(self) -> Books:
        """Everything but the credentials: nobody signs in here."""
        books = Books()
        async for orders in AuditServiceStub(self.internal("cli", "order")).Audit(AuditRequest()):
            books.orders.extend(orders.orders)
        stub = StockAuditStub(self.internal("cli", "inventory"))
        async for stock in stub.Audit(StockAuditRequest()):
            books.levels.extend(stock.levels)
            books.attempts.extend(stock.attempts)
        async for ledger in LedgerAuditStub(self.internal("cli", "user")).Audit(
            LedgerAuditRequest()
        ):
            books.users.extend(ledger.user_ids)
            books.accounts.extend(ledger.accounts)
            books.groups.extend(ledger.groups)
            books.transfers.extend(ledger.transfers)
            books.holds.extend(ledger.holds)
        return books

    async def check(self) -> None:
        """Waits until every order is settled or rests, and makes sure that the books are right."""

        async def at_rest() -> bool:
            books = await self.books()
            return all(order.settled or order.state == Order.OPEN for order in books.orders)

        await eventually(at_rest, within_s=20)
        rules = [rule for rule in RULES if rule is not users_can_sign_in]
        broken = [finding for finding in check(await self.books(), rules) if finding.offenders]
        assert not broken


@asynccontextmanager
async def running_backend(folder: Path) -> AsyncIterator[Backend]:
    """User and inventory with one customer."""
    workloads = Workloads(folder)
    settings = {name: workloads.settings(name) for name in ("inventory", "user", "order")}
    found = Backend(workloads, settings)
    await asyncio.gather(
        found.start("inventory", "services.inventory.main"),
        found.start("user", "services.user.main"),
    )
    provisioning = ProvisioningServiceStub(found.internal("auth", "user"))
    await provisioning.CreateUser(
        CreateUserRequest(
            user_id=found.customer,
            username="ada",
            email="ada@example.com",
            first_name="Ada",
            last_name="Lovelace",
        )
    )
    try:
        yield found
    finally:
        for channel in found.channels:
            await channel.close()
        for process in found.processes:
            if process.returncode is None:
                process.terminate()
        await asyncio.gather(*(process.wait() for process in found.processes))
