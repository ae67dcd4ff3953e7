import datetime

from google.protobuf import descriptor_pb2 as _descriptor_pb2
from google.protobuf import duration_pb2 as _duration_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor
POLICY_FIELD_NUMBER: _ClassVar[int]
policy: _descriptor.FieldDescriptor
RULES_FIELD_NUMBER: _ClassVar[int]
rules: _descriptor.FieldDescriptor

class MethodPolicy(_message.Message):
    __slots__ = ("access", "callers", "deadline", "rate")
    class Access(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        ACCESS_UNSPECIFIED: _ClassVar[MethodPolicy.Access]
        PUBLIC: _ClassVar[MethodPolicy.Access]
        CUSTOMER: _ClassVar[MethodPolicy.Access]
        OPERATOR: _ClassVar[MethodPolicy.Access]
        INTERNAL: _ClassVar[MethodPolicy.Access]
    ACCESS_UNSPECIFIED: MethodPolicy.Access
    PUBLIC: MethodPolicy.Access
    CUSTOMER: MethodPolicy.Access
    OPERATOR: MethodPolicy.Access
    INTERNAL: MethodPolicy.Access
    class Rate(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        RATE_UNSPECIFIED: _ClassVar[MethodPolicy.Rate]
        READ: _ClassVar[MethodPolicy.Rate]
        WRITE: _ClassVar[MethodPolicy.Rate]
        LOGIN: _ClassVar[MethodPolicy.Rate]
        STREAM: _ClassVar[MethodPolicy.Rate]
    RATE_UNSPECIFIED: MethodPolicy.Rate
    READ: MethodPolicy.Rate
    WRITE: MethodPolicy.Rate
    LOGIN: MethodPolicy.Rate
    STREAM: MethodPolicy.Rate
    ACCESS_FIELD_NUMBER: _ClassVar[int]
    CALLERS_FIELD_NUMBER: _ClassVar[int]
    DEADLINE_FIELD_NUMBER: _ClassVar[int]
    RATE_FIELD_NUMBER: _ClassVar[int]
    access: MethodPolicy.Access
    callers: _containers.RepeatedScalarFieldContainer[str]
    deadline: _duration_pb2.Duration
    rate: MethodPolicy.Rate
    def __init__(self, access: _Optional[_Union[MethodPolicy.Access, str]] = ..., callers: _Optional[_Iterable[str]] = ..., deadline: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., rate: _Optional[_Union[MethodPolicy.Rate, str]] = ...) -> None: ...

class FieldRules(_message.Message):
    __slots__ = ("min_length", "max_length", "pattern", "format", "decimal", "integer", "min_items", "max_items", "secret")
    class Format(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        FORMAT_UNSPECIFIED: _ClassVar[FieldRules.Format]
        EMAIL: _ClassVar[FieldRules.Format]
        PAST_DATE: _ClassVar[FieldRules.Format]
        PHONE: _ClassVar[FieldRules.Format]
        ID: _ClassVar[FieldRules.Format]
    FORMAT_UNSPECIFIED: FieldRules.Format
    EMAIL: FieldRules.Format
    PAST_DATE: FieldRules.Format
    PHONE: FieldRules.Format
    ID: FieldRules.Format
    MIN_LENGTH_FIELD_NUMBER: _ClassVar[int]
    MAX_LENGTH_FIELD_NUMBER: _ClassVar[int]
    PATTERN_FIELD_NUMBER: _ClassVar[int]
    FORMAT_FIELD_NUMBER: _ClassVar[int]
    DECIMAL_FIELD_NUMBER: _ClassVar[int]
    INTEGER_FIELD_NUMBER: _ClassVar[int]
    MIN_ITEMS_FIELD_NUMBER: _ClassVar[int]
    MAX_ITEMS_FIELD_NUMBER: _ClassVar[int]
    SECRET_FIELD_NUMBER: _ClassVar[int]
    min_length: int
    max_length: int
    pattern: str
    format: FieldRules.Format
    decimal: DecimalRules
    integer: IntegerRules
    min_items: int
    max_items: int
    secret: bool
    def __init__(self, min_length: _Optional[int] = ..., max_length: _Optional[int] = ..., pattern: _Optional[str] = ..., format: _Optional[_Union[FieldRules.Format, str]] = ..., decimal: _Optional[_Union[DecimalRules, _Mapping]] = ..., integer: _Optional[_Union[IntegerRules, _Mapping]] = ..., min_items: _Optional[int] = ..., max_items: _Optional[int] = ..., secret: _Optional[bool] = ...) -> None: ...

class DecimalRules(_message.Message):
    __slots__ = ("min", "max", "max_scale", "positive")
    MIN_FIELD_NUMBER: _ClassVar[int]
    MAX_FIELD_NUMBER: _ClassVar[int]
    MAX_SCALE_FIELD_NUMBER: _ClassVar[int]
    POSITIVE_FIELD_NUMBER: _ClassVar[int]
    min: str
    max: str
    max_scale: int
    positive: bool
    def __init__(self, min: _Optional[str] = ..., max: _Optional[str] = ..., max_scale: _Optional[int] = ..., positive: _Optional[bool] = ...) -> None: ...

class IntegerRules(_message.Message):
    __slots__ = ("min", "max")
    MIN_FIELD_NUMBER: _ClassVar[int]
    MAX_FIELD_NUMBER: _ClassVar[int]
    min: int
    max: int
    def __init__(self, min: _Optional[int] = ..., max: _Optional[int] = ...) -> None: ...
