"""Customers as the edge sees them: gRPC with a bearer token, a deadline on each call."""

from __future__ import annotations

import random
import secrets
from dataclasses import dataclass, field
from decimal import Decimal
from typing import TYPE_CHECKING

import grpc
from tradewind.auth.v1.auth_pb2 import LoginRequest, RegisterRequest
from tradewind.auth.v1.auth_pb2_grpc import AuthServiceStub
from tradewind.inventory.v1.asset_pb2 import Asset, ListAssetsRequest
from tradewind.inventory.v1.asset_pb2_grpc import AssetServiceStub
from tradewind.order.v1.order_pb2 import CancelOrderRequest, CreateOrderRequest, Order
from tradewind.order.v1.order_pb2_grpc import OrderServiceStub
from tradewind.user.v1.account_pb2 import DepositRequest, WithdrawRequest
from tradewind.user.v1.account_pb2_grpc import AccountServiceStub

if TYPE_CHECKING:
    from tradewind.order.v1.order_pb2_grpc import OrderServiceAsyncStub
    from tradewind.user.v1.account_pb2_grpc import AccountServiceAsyncStub

CALL_S = 15.0

Token = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Quote:
    """An asset of the day, as it is quoted in the morning."""

    asset_id: str
    price: Decimal
    price_scale: int
    quantity_scale: int

    @classmethod
    def of(cls, asset: Asset) -> Quote:
        """What the day needs of an asset."""
        return cls(asset.asset_id, Decimal(asset.price), asset.price_scale, asset.quantity_scale)

    def units(self, dollars: Decimal) -> str:
        """How much of it so many dollars buy."""
        step = Decimal(1).scaleb(-self.quantity_scale)
        return format(max((dollars / self.price).quantize(step), step), "f")

    def at(self, factor: Decimal) -> str:
        """A multiple of its price, as finely as its prices go."""
        step = Decimal(1).scaleb(-self.price_scale)
        return format(max((self.price * factor).quantize(step), step), "f")


class Edge:
    """The calls of the day."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        self._auth = AuthServiceStub(channel)
        self._accounts = AccountServiceStub(channel)
        self._orders = OrderServiceStub(channel)
        self._assets = AssetServiceStub(channel)

    async def quotes(self, most: int) -> list[Quote]:
        """The first assets by rank."""
        page = await self._assets.ListAssets(ListAssetsRequest(page_size=most), timeout=CALL_S)
        return [Quote.of(asset) for asset in page.assets]

    async def newcomer(self, seed: int) -> Trader:
        """Registers somebody and signs them in."""
        name = f"demo{secrets.token_hex(6)}"
        password = secrets.token_urlsafe(12)
        await self._auth.Register(
            RegisterRequest(
                username=name,
                email=f"{name}@example.com",
                password=password,
                first_name="Demo",
                last_name="Trader",
            ),
            timeout=CALL_S,
        )
        tokens = await self._auth.Login(
            LoginRequest(username=name, password=password), timeout=CALL_S
        )
        token = (("authorization", f"Bearer {tokens.access_token}"),)
        return Trader(self._accounts, self._orders, token, random.Random(seed))  # noqa: S311


@dataclass(frozen=True, slots=True)
class Trader:
    """A customer of the day, and the dice that decide what they do."""

    accounts: AccountServiceAsyncStub
    orders: OrderServiceAsyncStub
    token: Token
    dice: random.Random
    owned: list[tuple[Quote, str]] = field(default_factory=list)
    """What was bought and not sold yet."""

    async def deposit(self, amount: str) -> None:
        """Puts money in."""
        request = DepositRequest(amount=amount, request_id=secrets.token_hex(8))
        await self.accounts.Deposit(request, metadata=self.token, timeout=CALL_S)

    async def withdraw(self, amount: str) -> None:
        """Takes money out."""
        request = WithdrawRequest(amount=amount, request_id=secrets.token_hex(8))
        await self.accounts.Withdraw(request, metadata=self.token, timeout=CALL_S)

    async def order(self, side: Order.Side, quote: Quote, units: str, limit: str | None) -> Order:
        """Places an order: at the market, or at a limit."""
        request = CreateOrderRequest(
            request_id=secrets.token_hex(8),
            asset_id=quote.asset_id,
            side=side,
            type=Order.LIMIT if limit else Order.MARKET,
            quantity=units,
            limit_price=limit,
        )
        return await self.orders.CreateOrder(request, metadata=self.token, timeout=CALL_S)

    async def cancel(self, order: Order) -> Order:
        """Does not want an order any more."""
        request = CancelOrderRequest(order_id=order.order_id)
        return await self.orders.CancelOrder(request, metadata=self.token, timeout=CALL_S)
