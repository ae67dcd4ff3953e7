from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from typing import ClassVar as _ClassVar

DESCRIPTOR: _descriptor.FileDescriptor

class Reason(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    REASON_UNSPECIFIED: _ClassVar[Reason]
    FIELD_INVALID: _ClassVar[Reason]
    MALFORMED_REQUEST: _ClassVar[Reason]
    UNKNOWN_FIELD: _ClassVar[Reason]
    REQUEST_TOO_LARGE: _ClassVar[Reason]
    TOKEN_MISSING: _ClassVar[Reason]
    TOKEN_INVALID: _ClassVar[Reason]
    TOKEN_EXPIRED: _ClassVar[Reason]
    REFRESH_TOKEN_INVALID: _ClassVar[Reason]
    CREDENTIALS_INVALID: _ClassVar[Reason]
    ROLE_REQUIRED: _ClassVar[Reason]
    CALLER_NOT_ALLOWED: _ClassVar[Reason]
    ROUTE_NOT_FOUND: _ClassVar[Reason]
    ASSET_NOT_FOUND: _ClassVar[Reason]
    ORDER_NOT_FOUND: _ClassVar[Reason]
    USER_NOT_FOUND: _ClassVar[Reason]
    USERNAME_TAKEN: _ClassVar[Reason]
    EMAIL_TAKEN: _ClassVar[Reason]
    INSUFFICIENT_FUNDS: _ClassVar[Reason]
    INSUFFICIENT_HOLDING: _ClassVar[Reason]
    OUT_OF_STOCK: _ClassVar[Reason]
    PRICE_BOUND: _ClassVar[Reason]
    PRICES_STALE: _ClassVar[Reason]
    NOTIONAL_LIMIT: _ClassVar[Reason]
    AMOUNT_TOO_SMALL: _ClassVar[Reason]
    ASSET_HALTED: _ClassVar[Reason]
    REQUEST_ID_REUSED: _ClassVar[Reason]
    NOT_FILLED_IN_TIME: _ClassVar[Reason]
    RATE_LIMITED: _ClassVar[Reason]
    SERVICE_UNAVAILABLE: _ClassVar[Reason]
    DEADLINE_EXCEEDED: _ClassVar[Reason]
    ORDER_OUTCOME_PENDING: _ClassVar[Reason]
    CANCELLED: _ClassVar[Reason]
    UNIMPLEMENTED: _ClassVar[Reason]
    INTERNAL: _ClassVar[Reason]
REASON_UNSPECIFIED: Reason
FIELD_INVALID: Reason
MALFORMED_REQUEST: Reason
UNKNOWN_FIELD: Reason
REQUEST_TOO_LARGE: Reason
TOKEN_MISSING: Reason
TOKEN_INVALID: Reason
TOKEN_EXPIRED: Reason
REFRESH_TOKEN_INVALID: Reason
CREDENTIALS_INVALID: Reason
ROLE_REQUIRED: Reason
CALLER_NOT_ALLOWED: Reason
ROUTE_NOT_FOUND: Reason
ASSET_NOT_FOUND: Reason
ORDER_NOT_FOUND: Reason
USER_NOT_FOUND: Reason
USERNAME_TAKEN: Reason
EMAIL_TAKEN: Reason
INSUFFICIENT_FUNDS: Reason
INSUFFICIENT_HOLDING: Reason
OUT_OF_STOCK: Reason
PRICE_BOUND: Reason
PRICES_STALE: Reason
NOTIONAL_LIMIT: Reason
AMOUNT_TOO_SMALL: Reason
ASSET_HALTED: Reason
REQUEST_ID_REUSED: Reason
NOT_FILLED_IN_TIME: Reason
RATE_LIMITED: Reason
SERVICE_UNAVAILABLE: Reason
DEADLINE_EXCEEDED: Reason
ORDER_OUTCOME_PENDING: Reason
CANCELLED: Reason
UNIMPLEMENTED: Reason
INTERNAL: Reason
