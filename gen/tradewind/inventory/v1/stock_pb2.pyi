import datetime

from google.api import field_behavior_pb2 as _field_behavior_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from tradewind.api.v1 import options_pb2 as _options_pb2
from tradewind.api.v1 import reason_pb2 as _reason_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Attempt(_message.Message):
    __slots__ = ("attempt_id", "state", "reason", "price")
    class Side(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        SIDE_UNSPECIFIED: _ClassVar[Attempt.Side]
        BUY: _ClassVar[Attempt.Side]
        SELL: _ClassVar[Attempt.Side]
    SIDE_UNSPECIFIED: Attempt.Side
    BUY: Attempt.Side
    SELL: Attempt.Side
    class State(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        STATE_UNSPECIFIED: _ClassVar[Attempt.State]
        RESERVED: _ClassVar[Attempt.State]
        REFUSED: _ClassVar[Attempt.State]
        COMMITTED: _ClassVar[Attempt.State]
        RELEASED: _ClassVar[Attempt.State]
    STATE_UNSPECIFIED: Attempt.State
    RESERVED: Attempt.State
    REFUSED: Attempt.State
    COMMITTED: Attempt.State
    RELEASED: Attempt.State
    ATTEMPT_ID_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    PRICE_FIELD_NUMBER: _ClassVar[int]
    attempt_id: str
    state: Attempt.State
    reason: _reason_pb2.Reason
    price: str
    def __init__(self, attempt_id: _Optional[str] = ..., state: _Optional[_Union[Attempt.State, str]] = ..., reason: _Optional[_Union[_reason_pb2.Reason, str]] = ..., price: _Optional[str] = ...) -> None: ...

class ReserveStockRequest(_message.Message):
    __slots__ = ("items",)
    class Item(_message.Message):
        __slots__ = ("attempt_id", "asset_id", "side", "quantity", "max_price", "min_price")
        ATTEMPT_ID_FIELD_NUMBER: _ClassVar[int]
        ASSET_ID_FIELD_NUMBER: _ClassVar[int]
        SIDE_FIELD_NUMBER: _ClassVar[int]
        QUANTITY_FIELD_NUMBER: _ClassVar[int]
        MAX_PRICE_FIELD_NUMBER: _ClassVar[int]
        MIN_PRICE_FIELD_NUMBER: _ClassVar[int]
        attempt_id: str
        asset_id: str
        side: Attempt.Side
        quantity: int
        max_price: str
        min_price: str
        def __init__(self, attempt_id: _Optional[str] = ..., asset_id: _Optional[str] = ..., side: _Optional[_Union[Attempt.Side, str]] = ..., quantity: _Optional[int] = ..., max_price: _Optional[str] = ..., min_price: _Optional[str] = ...) -> None: ...
    ITEMS_FIELD_NUMBER: _ClassVar[int]
    items: _containers.RepeatedCompositeFieldContainer[ReserveStockRequest.Item]
    def __init__(self, items: _Optional[_Iterable[_Union[ReserveStockRequest.Item, _Mapping]]] = ...) -> None: ...

class ReserveStockResponse(_message.Message):
    __slots__ = ("attempts",)
    ATTEMPTS_FIELD_NUMBER: _ClassVar[int]
    attempts: _containers.RepeatedCompositeFieldContainer[Attempt]
    def __init__(self, attempts: _Optional[_Iterable[_Union[Attempt, _Mapping]]] = ...) -> None: ...

class CommitStockRequest(_message.Message):
    __slots__ = ("attempt_ids",)
    ATTEMPT_IDS_FIELD_NUMBER: _ClassVar[int]
    attempt_ids: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, attempt_ids: _Optional[_Iterable[str]] = ...) -> None: ...

class CommitStockResponse(_message.Message):
    __slots__ = ("attempts",)
    ATTEMPTS_FIELD_NUMBER: _ClassVar[int]
    attempts: _containers.RepeatedCompositeFieldContainer[Attempt]
    def __init__(self, attempts: _Optional[_Iterable[_Union[Attempt, _Mapping]]] = ...) -> None: ...

class ReleaseStockRequest(_message.Message):
    __slots__ = ("attempt_ids",)
    ATTEMPT_IDS_FIELD_NUMBER: _ClassVar[int]
    attempt_ids: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, attempt_ids: _Optional[_Iterable[str]] = ...) -> None: ...

class ReleaseStockResponse(_message.Message):
    __slots__ = ("attempts",)
    ATTEMPTS_FIELD_NUMBER: _ClassVar[int]
    attempts: _containers.RepeatedCompositeFieldContainer[Attempt]
    def __init__(self, attempts: _Optional[_Iterable[_Union[Attempt, _Mapping]]] = ...) -> None: ...

class BatchGetQuotesRequest(_message.Message):
    __slots__ = ("asset_ids",)
    ASSET_IDS_FIELD_NUMBER: _ClassVar[int]
    asset_ids: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, asset_ids: _Optional[_Iterable[str]] = ...) -> None: ...

class BatchGetQuotesResponse(_message.Message):
    __slots__ = ("quotes",)
    QUOTES_FIELD_NUMBER: _ClassVar[int]
    quotes: _containers.RepeatedCompositeFieldContainer[Quote]
    def __init__(self, quotes: _Optional[_Iterable[_Union[Quote, _Mapping]]] = ...) -> None: ...

class Quote(_message.Message):
    __slots__ = ("asset_id", "name", "price", "price_scale", "quantity_scale", "price_time")
    ASSET_ID_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    PRICE_FIELD_NUMBER: _ClassVar[int]
    PRICE_SCALE_FIELD_NUMBER: _ClassVar[int]
    QUANTITY_SCALE_FIELD_NUMBER: _ClassVar[int]
    PRICE_TIME_FIELD_NUMBER: _ClassVar[int]
    asset_id: str
    name: str
    price: str
    price_scale: int
    quantity_scale: int
    price_time: _timestamp_pb2.Timestamp
    def __init__(self, asset_id: _Optional[str] = ..., name: _Optional[str] = ..., price: _Optional[str] = ..., price_scale: _Optional[int] = ..., quantity_scale: _Optional[int] = ..., price_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...
