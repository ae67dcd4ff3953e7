from tradewind.api.v1 import options_pb2 as _options_pb2
from tradewind.inventory.v1 import stock_pb2 as _stock_pb2
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
    __slots__ = ("levels", "attempts")
    LEVELS_FIELD_NUMBER: _ClassVar[int]
    ATTEMPTS_FIELD_NUMBER: _ClassVar[int]
    levels: _containers.RepeatedCompositeFieldContainer[StockLevel]
    attempts: _containers.RepeatedCompositeFieldContainer[AttemptRecord]
    def __init__(self, levels: _Optional[_Iterable[_Union[StockLevel, _Mapping]]] = ..., attempts: _Optional[_Iterable[_Union[AttemptRecord, _Mapping]]] = ...) -> None: ...

class StockLevel(_message.Message):
    __slots__ = ("asset_id", "available", "reserved", "put_in", "quantity_scale")
    ASSET_ID_FIELD_NUMBER: _ClassVar[int]
    AVAILABLE_FIELD_NUMBER: _ClassVar[int]
    RESERVED_FIELD_NUMBER: _ClassVar[int]
    PUT_IN_FIELD_NUMBER: _ClassVar[int]
    QUANTITY_SCALE_FIELD_NUMBER: _ClassVar[int]
    asset_id: str
    available: int
    reserved: int
    put_in: int
    quantity_scale: int
    def __init__(self, asset_id: _Optional[str] = ..., available: _Optional[int] = ..., reserved: _Optional[int] = ..., put_in: _Optional[int] = ..., quantity_scale: _Optional[int] = ...) -> None: ...

class AttemptRecord(_message.Message):
    __slots__ = ("attempt", "asset_id", "side", "quantity")
    ATTEMPT_FIELD_NUMBER: _ClassVar[int]
    ASSET_ID_FIELD_NUMBER: _ClassVar[int]
    SIDE_FIELD_NUMBER: _ClassVar[int]
    QUANTITY_FIELD_NUMBER: _ClassVar[int]
    attempt: _stock_pb2.Attempt
    asset_id: str
    side: _stock_pb2.Attempt.Side
    quantity: int
    def __init__(self, attempt: _Optional[_Union[_stock_pb2.Attempt, _Mapping]] = ..., asset_id: _Optional[str] = ..., side: _Optional[_Union[_stock_pb2.Attempt.Side, str]] = ..., quantity: _Optional[int] = ...) -> None: ...
