"""Reads the records of all services of a running mesh, in the order the audit needs."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
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

from mesh.cli.audit_books import Books, Finding
from mesh.cli.audit_rules import check
from mesh.cli.home import Home
from mesh.identity.names import CLI, SERVICES
from mesh.runtime.client import MeshChannel


class UnreadableError(Exception):
    """The records could not be read; the text says why."""


@asynccontextmanager
async def _asked(service: str) -> AsyncIterator[None]:
    """Names the service that could not be read."""
    try:
        yield
    except grpc.aio.AioRpcError as error:
        raise UnreadableError(
            f"{service} did not answer: {error.code().name}: {error.details()}"
        ) from error


async def read_books(home: Home, addresses: dict[str, str]) -> Books:
    """Reads everything: orders, then stock, then the ledger, then credentials.

    Raises:
        UnreadableError: a service did not answer, or there was nothing to read.
    """
    books = Books()
    async with AsyncExitStack() as stack:
        channels = {
            name: await stack.enter_async_context(
                MeshChannel(name, [addresses[name]], home.identity(CLI))
            )
            for name in SERVICES
        }
        async with _asked("order"):
            async for orders in OrderStub(channels["order"]).Audit(order.AuditRequest()):
                books.orders.extend(orders.orders)
        async with _asked("inventory"):
            async for stock in InventoryStub(channels["inventory"]).Audit(inventory.AuditRequest()):
                books.levels.extend(stock.levels)
                books.attempts.extend(stock.attempts)
        async with _asked("user"):
            async for ledger in UserStub(channels["user"]).Audit(user.AuditRequest()):
                books.users.extend(ledger.user_ids)
                books.accounts.extend(ledger.accounts)
                books.groups.extend(ledger.groups)
                books.transfers.extend(ledger.transfers)
                books.holds.extend(ledger.holds)
        async with _asked("auth"):
            async for page in AuthStub(channels["auth"]).Audit(auth.AuditRequest()):
                books.credentials.extend(page.credentials)
    return complete(books)


def complete(books: Books) -> Books:
    """The books again, for a mesh always has stock.

    Raises:
        UnreadableError: they hold no stock level, so they are not all there is.
    """
    if not books.levels:
        raise UnreadableError("inventory told of no stock at all")
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
    except OSError as error:
        raise UnreadableError(f"{error.filename or home.folder}: {error.strerror}") from error
