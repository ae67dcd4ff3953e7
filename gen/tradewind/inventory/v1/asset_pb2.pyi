import datetime

from google.api import annotations_pb2 as _annotations_pb2
from google.api import field_behavior_pb2 as _field_behavior_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from tradewind.api.v1 import options_pb2 as _options_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class ListAssetsRequest(_message.Message):
    __slots__ = ("page_size", "page_token", "category")
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    CATEGORY_FIELD_NUMBER: _ClassVar[int]
    page_size: int
    page_token: str
    category: str
    def __init__(self, page_size: _Optional[int] = ..., page_token: _Optional[str] = ..., category: _Optional[str] = ...) -> None: ...

class ListAssetsResponse(_message.Message):
    __slots__ = ("assets", "next_page_token")
    ASSETS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    assets: _containers.RepeatedCompositeFieldContainer[Asset]
    next_page_token: str
    def __init__(self, assets: _Optional[_Iterable[_Union[Asset, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class GetAssetRequest(_message.Message):
    __slots__ = ("asset_id",)
    ASSET_ID_FIELD_NUMBER: _ClassVar[int]
    asset_id: str
    def __init__(self, asset_id: _Optional[str] = ...) -> None: ...

class Asset(_message.Message):
    __slots__ = ("asset_id", "name", "category", "rank", "price", "price_scale", "quantity_scale", "price_time", "high_24h", "low_24h", "change_24h", "volume_24h", "change_percent_1h", "change_percent_24h", "change_percent_7d", "change_percent_30d", "market_cap", "circulating_supply", "total_supply", "max_supply", "all_time_high", "all_time_high_time", "all_time_low", "all_time_low_time", "update_time", "source")
    ASSET_ID_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    CATEGORY_FIELD_NUMBER: _ClassVar[int]
    RANK_FIELD_NUMBER: _ClassVar[int]
    PRICE_FIELD_NUMBER: _ClassVar[int]
    PRICE_SCALE_FIELD_NUMBER: _ClassVar[int]
    QUANTITY_SCALE_FIELD_NUMBER: _ClassVar[int]
    PRICE_TIME_FIELD_NUMBER: _ClassVar[int]
    HIGH_24H_FIELD_NUMBER: _ClassVar[int]
    LOW_24H_FIELD_NUMBER: _ClassVar[int]
    CHANGE_24H_FIELD_NUMBER: _ClassVar[int]
    VOLUME_24H_FIELD_NUMBER: _ClassVar[int]
    CHANGE_PERCENT_1H_FIELD_NUMBER: _ClassVar[int]
    CHANGE_PERCENT_24H_FIELD_NUMBER: _ClassVar[int]
    CHANGE_PERCENT_7D_FIELD_NUMBER: _ClassVar[int]
    CHANGE_PERCENT_30D_FIELD_NUMBER: _ClassVar[int]
    MARKET_CAP_FIELD_NUMBER: _ClassVar[int]
    CIRCULATING_SUPPLY_FIELD_NUMBER: _ClassVar[int]
    TOTAL_SUPPLY_FIELD_NUMBER: _ClassVar[int]
    MAX_SUPPLY_FIELD_NUMBER: _ClassVar[int]
    ALL_TIME_HIGH_FIELD_NUMBER: _ClassVar[int]
    ALL_TIME_HIGH_TIME_FIELD_NUMBER: _ClassVar[int]
    ALL_TIME_LOW_FIELD_NUMBER: _ClassVar[int]
    ALL_TIME_LOW_TIME_FIELD_NUMBER: _ClassVar[int]
    UPDATE_TIME_FIELD_NUMBER: _ClassVar[int]
    SOURCE_FIELD_NUMBER: _ClassVar[int]
    asset_id: str
    name: str
    category: str
    rank: int
    price: str
    price_scale: int
    quantity_scale: int
    price_time: _timestamp_pb2.Timestamp
    high_24h: str
    low_24h: str
    change_24h: str
    volume_24h: str
    change_percent_1h: str
    change_percent_24h: str
    change_percent_7d: str
    change_percent_30d: str
    market_cap: str
    circulating_supply: str
    total_supply: str
    max_supply: str
    all_time_high: str
    all_time_high_time: _timestamp_pb2.Timestamp
    all_time_low: str
    all_time_low_time: _timestamp_pb2.Timestamp
    update_time: _timestamp_pb2.Timestamp
    source: str
    def __init__(self, asset_id: _Optional[str] = ..., name: _Optional[str] = ..., category: _Optional[str] = ..., rank: _Optional[int] = ..., price: _Optional[str] = ..., price_scale: _Optional[int] = ..., quantity_scale: _Optional[int] = ..., price_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., high_24h: _Optional[str] = ..., low_24h: _Optional[str] = ..., change_24h: _Optional[str] = ..., volume_24h: _Optional[str] = ..., change_percent_1h: _Optional[str] = ..., change_percent_24h: _Optional[str] = ..., change_percent_7d: _Optional[str] = ..., change_percent_30d: _Optional[str] = ..., market_cap: _Optional[str] = ..., circulating_supply: _Optional[str] = ..., total_supply: _Optional[str] = ..., max_supply: _Optional[str] = ..., all_time_high: _Optional[str] = ..., all_time_high_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., all_time_low: _Optional[str] = ..., all_time_low_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., update_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., source: _Optional[str] = ...) -> None: ...
