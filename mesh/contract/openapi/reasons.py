"""Why a method may refuse: what follows from its contract, and what its own rules add."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from tradewind.api.v1.reason_pb2 import Reason

from mesh.contract.methods import Access, Method

_USER = "/tradewind.user.v1.UserService/"
_ACCOUNT = "/tradewind.user.v1.AccountService/"
_ASSET = "/tradewind.inventory.v1.AssetService/"
_ORDER = "/tradewind.order.v1.OrderService/"
_AUTH = "/tradewind.auth.v1.AuthService/"

OWN: Mapping[str, tuple[Reason, ...]] = {
    _AUTH + "Register": (Reason.USERNAME_TAKEN, Reason.EMAIL_TAKEN),
    _AUTH + "Login": (Reason.CREDENTIALS_INVALID,),
    _AUTH + "Refresh": (Reason.REFRESH_TOKEN_INVALID,),
    _USER + "GetProfile": (Reason.USER_NOT_FOUND,),
    _USER + "UpdateProfile": (Reason.USER_NOT_FOUND,),
    _ACCOUNT + "GetBalance": (Reason.USER_NOT_FOUND,),
    _ACCOUNT + "Deposit": (Reason.DAILY_LIMIT, Reason.NOTIONAL_LIMIT, Reason.USER_NOT_FOUND),
    _ACCOUNT + "Withdraw": (
        Reason.INSUFFICIENT_FUNDS,
        Reason.DAILY_LIMIT,
        Reason.USER_NOT_FOUND,
    ),
    _ACCOUNT + "GetHolding": (Reason.ASSET_NOT_FOUND,),
    _ACCOUNT + "ListHoldingTransactions": (Reason.ASSET_NOT_FOUND,),
    _ACCOUNT + "GetPortfolio": (Reason.USER_NOT_FOUND,),
    _ASSET + "GetAsset": (Reason.ASSET_NOT_FOUND,),
    _ORDER + "CreateOrder": (
        Reason.INSUFFICIENT_FUNDS,
        Reason.INSUFFICIENT_HOLDING,
        Reason.OUT_OF_STOCK,
        Reason.PRICE_BOUND,
        Reason.PRICES_STALE,
        Reason.NOTIONAL_LIMIT,
        Reason.AMOUNT_TOO_SMALL,
        Reason.ASSET_HALTED,
        Reason.NOT_FILLED_IN_TIME,
        Reason.ASSET_NOT_FOUND,
        Reason.USER_NOT_FOUND,
        Reason.ORDER_OUTCOME_PENDING,
    ),
    _ORDER + "GetOrder": (Reason.ORDER_NOT_FOUND,),
    _ORDER + "CancelOrder": (Reason.ORDER_NOT_FOUND, Reason.ORDER_NOT_OPEN),
}
"""What the contract of a method, by its gRPC path, cannot tell from its fields and policy."""


def _of_the_request(method: Method) -> Iterator[Reason]:
    if method.input.fields:
        yield Reason.FIELD_INVALID
    yield Reason.MALFORMED_REQUEST
    yield Reason.UNKNOWN_FIELD
    if "request_id" in method.input.fields_by_name:
        yield Reason.REQUEST_ID_REUSED


def _of_the_caller(method: Method) -> Iterator[Reason]:
    if method.access is not Access.PUBLIC:
        yield Reason.TOKEN_MISSING
        yield Reason.TOKEN_INVALID
        yield Reason.TOKEN_EXPIRED
        yield Reason.ROLE_REQUIRED


def reasons_of(method: Method) -> tuple[Reason, ...]:
    """Every reason with which a REST call of the method may be refused."""
    found = [*_of_the_request(method), *_of_the_caller(method), *OWN.get(method.path, ())]
    if method.http is not None and "{" in method.http.path:
        # A value with dots or slashes makes another path.
        found.append(Reason.ROUTE_NOT_FOUND)
    found += [
        Reason.REQUEST_TOO_LARGE,
        Reason.RATE_LIMITED,
        Reason.INTERNAL,
        Reason.SERVICE_UNAVAILABLE,
        Reason.DEADLINE_EXCEEDED,
    ]
    return tuple(found)
