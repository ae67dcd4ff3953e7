"""The rules of request fields, read from the contracts."""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal
from enum import Enum
from functools import cache

from google.api import field_behavior_pb2
from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.descriptor_pb2 import FieldOptions
from tradewind.api.v1 import options_pb2

from mesh.contract.image import extension

WELL_KNOWN = "google.protobuf."


class Format(Enum):
    """Known formats of text; see `tradewind.api.v1.FieldRules.Format`."""

    ANY = options_pb2.FieldRules.FORMAT_UNSPECIFIED
    EMAIL = options_pb2.FieldRules.EMAIL
    PAST_DATE = options_pb2.FieldRules.PAST_DATE
    PHONE = options_pb2.FieldRules.PHONE
    ID = options_pb2.FieldRules.ID


@dataclass(frozen=True, slots=True)
class DecimalRule:
    """Bounds of a decimal text; None leaves a bound open."""

    min: Decimal | None
    max: Decimal | None
    max_scale: int
    positive: bool


@dataclass(frozen=True, slots=True)
class IntegerRule:
    """Inclusive bounds of a whole number."""

    min: int
    max: int


@dataclass(frozen=True, slots=True)
class FieldRule:
    """All that a request's field must satisfy."""

    name: str
    """The name in the proto; errors show `json_name`."""
    json_name: str
    required: bool
    repeated: bool
    presence: bool
    """The field tells unset from empty."""
    text: bool
    min_length: int
    max_length: int
    pattern: re.Pattern[str] | None
    format: Format
    decimal: DecimalRule | None
    integer: IntegerRule | None
    min_items: int
    max_items: int
    secret: bool
    enum_values: frozenset[int] | None
    """The known numbers of an enum field, else None."""
    message: Descriptor | None
    """The type of a message field whose own fields have rules, else None."""


def _decimal(rules: options_pb2.DecimalRules) -> DecimalRule:
    return DecimalRule(
        min=Decimal(rules.min) if rules.min else None,
        max=Decimal(rules.max) if rules.max else None,
        max_scale=rules.max_scale,
        positive=rules.positive,
    )


def read_field(field: FieldDescriptor) -> FieldRule:
    """Reads one field's options and type."""
    options: FieldOptions = field.GetOptions()
    rules: options_pb2.FieldRules = extension(options, options_pb2.rules)
    behaviors = extension(options, field_behavior_pb2.field_behavior)
    message = field.message_type
    open_integer = rules.integer.min == rules.integer.max == 0
    return FieldRule(
        name=field.name,
        json_name=field.json_name,
        required=field_behavior_pb2.REQUIRED in behaviors,
        repeated=field.is_repeated,
        presence=field.has_presence,
        text=field.type == FieldDescriptor.TYPE_STRING,
        min_length=rules.min_length,
        max_length=rules.max_length,
        pattern=re.compile(rules.pattern, re.ASCII) if rules.pattern else None,
        format=Format(rules.format),
        decimal=_decimal(rules.decimal) if rules.HasField("decimal") else None,
        integer=None if open_integer else IntegerRule(rules.integer.min, rules.integer.max),
        min_items=rules.min_items,
        max_items=rules.max_items,
        secret=rules.secret,
        enum_values=frozenset(field.enum_type.values_by_number) if field.enum_type else None,
        message=message if message and not message.full_name.startswith(WELL_KNOWN) else None,
    )


@cache
def field_rules(message: Descriptor) -> tuple[FieldRule, ...]:
    """The rules of a message's fields, in the order of the contract."""
    return tuple(read_field(field) for field in message.fields)
