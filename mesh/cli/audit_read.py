"""Reads the records of all services of a running mesh, in the order the audit needs."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from typing import Any

import grpc
from tradewind.auth.v1 import audit_pb2 as auth
from tradewind.auth.v1.audit_pb2_grpc import AuditServiceStub as AuthStub
from tradewind.inventory.v1 import audit_pb2 as inventory
from tradewind.inventory.v1.audit_pb2_grpc import AuditServiceStub as InventoryStub
from tradewind.order.v1 import audit_pb2 as order
from tradewind.order.v1.audit_pb2_grpc import AuditServiceStub as OrderStub
from tradewind.user.v1 import audit_pb2 as user
from tradewind.user.v1.audit_pb2_grpc import AuditServiceStub as UserStub

from mesh.cli.audit_books import Books
from mesh.cli.audit_rules import Finding, check
from mesh.cli.home import Home
from mesh.identity.names import CLI, SERVICES
from mesh.runtime.client import MeshChannel


class UnreadableError(Exception):
    """The records could not be read; the text says why."""


async def read_books(home: Home, addresses: dict[str, str]) -> Books:
    """Reads everything: orders, then stock, then the ledger, then credentials.

    Raises:
        grpc.aio.AioRpcError: a service did not answer.
    """
    books = Books()
    async with AsyncExitStack() as stack:
        channels = {
            name: await stack.enter_async_context(
                MeshChannel(name, [addresses[name]], home.identity(CLI))
            )
            for name in SERVICES
        }
        async for orders in OrderStub(channels["order"]).Audit(order.AuditRequest()):
            books.orders.extend(orders.orders)
        async for stock in InventoryStub(channels["inventory"]).Audit(inventory.AuditRequest()):
            books.levels.extend(stock.levels)
            books.attempts.extend(stock.attempts)
        async for ledger in UserStub(channels["user"]).Audit(user.AuditRequest()):
            books.users.extend(ledger.user_ids)
            books.accounts.extend(ledger.accounts)
            books.groups.extend(ledger.groups)
            books.transfers.extend(ledger.transfers)
        async for page in AuthStub(channels["auth"]).Audit(auth.AuditRequest()):
            books.credentials.extend(page.credentials)
    return books


def audit(home: Home, state: dict[str, Any]) -> list[Finding]:
    """Reads the mesh whose status is given and checks every invariant.

    Raises:
        UnreadableError: no mesh runs, or a service did not answer.
    """
    addresses = {process["service"]: process["address"] for process in state["processes"]}
    if not addresses:
        raise UnreadableError(f"no mesh runs in {home.folder}")
    try:
        return check(asyncio.run(read_books(home, addresses)))
    except grpc.aio.AioRpcError as error:
        raise UnreadableError(f"{error.code().name}: {error.details()}") from error
