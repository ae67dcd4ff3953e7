from tradewind.api.v1 import options_pb2 as _options_pb2
from tradewind.order.v1 import order_pb2 as _order_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class AuditRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class AuditResponse(_message.Message):
    __slots__ = ("orders",)
    ORDERS_FIELD_NUMBER: _ClassVar[int]
    orders: _containers.RepeatedCompositeFieldContainer[OrderRecord]
    def __init__(self, orders: _Optional[_Iterable[_Union[OrderRecord, _Mapping]]] = ...) -> None: ...

class OrderRecord(_message.Message):
    __slots__ = ("order_id", "user_id", "request_id", "asset_id", "side", "state", "settled", "attempt_id", "quantity", "price", "total", "age_s", "type", "hold_id", "hold_amount", "limit_price", "overdue_s")
    ORDER_ID_FIELD_NUMBER: _ClassVar[int]
    USER_ID_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    ASSET_ID_FIELD_NUMBER: _ClassVar[int]
    SIDE_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    SETTLED_FIELD_NUMBER: _ClassVar[int]
    ATTEMPT_ID_FIELD_NUMBER: _ClassVar[int]
    QUANTITY_FIELD_NUMBER: _ClassVar[int]
    PRICE_FIELD_NUMBER: _ClassVar[int]
    TOTAL_FIELD_NUMBER: _ClassVar[int]
    AGE_S_FIELD_NUMBER: _ClassVar[int]
    TYPE_FIELD_NUMBER: _ClassVar[int]
    HOLD_ID_FIELD_NUMBER: _ClassVar[int]
    HOLD_AMOUNT_FIELD_NUMBER: _ClassVar[int]
    LIMIT_PRICE_FIELD_NUMBER: _ClassVar[int]
    OVERDUE_S_FIELD_NUMBER: _ClassVar[int]
    order_id: str
    user_id: str
    request_id: str
    asset_id: str
    side: _order_pb2.Order.Side
    state: _order_pb2.Order.State
    settled: bool
    attempt_id: str
    quantity: int
    price: str
    total: int
    age_s: int
    type: _order_pb2.Order.Type
    hold_id: str
    hold_amount: int
    limit_price: str
    overdue_s: int
    def __init__(self, order_id: _Optional[str] = ..., user_id: _Optional[str] = ..., request_id: _Optional[str] = ..., asset_id: _Optional[str] = ..., side: _Optional[_Union[_order_pb2.Order.Side, str]] = ..., state: _Optional[_Union[_order_pb2.Order.State, str]] = ..., settled: _Optional[bool] = ..., attempt_id: _Optional[str] = ..., quantity: _Optional[int] = ..., price: _Optional[str] = ..., total: _Optional[int] = ..., age_s: _Optional[int] = ..., type: _Optional[_Union[_order_pb2.Order.Type, str]] = ..., hold_id: _Optional[str] = ..., hold_amount: _Optional[int] = ..., limit_price: _Optional[str] = ..., overdue_s: _Optional[int] = ...) -> None: ...
