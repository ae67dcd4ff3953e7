"""The schemas of single values: protobuf's types in ProtoJSON, and a field's rules."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

from google.protobuf.descriptor import FieldDescriptor

from mesh.contract.openapi.types import FIELD_MASK, TIMESTAMP, Json
from mesh.contract.rules import DecimalRule, FieldRule, Format

EMAIL = r"[^@\s\x00-\x1f]{1,64}@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+"
PHONE = r"\+[1-9][0-9]{6,14}"
ID = r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"
MOST_DECIMAL = 40
"""Characters of a decimal."""
_NO_CONTROL = r"[^\x00-\x1f\x7f]*"

_INT32: Json = {"type": "integer", "format": "int32"}
_UINT32: Json = {"type": "integer", "format": "int64", "minimum": 0, "maximum": 2**32 - 1}
_INT64: Json = {"type": "string", "format": "int64", "pattern": "^-?[0-9]+$"}
_UINT64: Json = {"type": "string", "format": "uint64", "pattern": "^[0-9]+$"}

_SCALARS: Mapping[int, Json] = {
    FieldDescriptor.TYPE_STRING: {"type": "string"},
    FieldDescriptor.TYPE_BYTES: {"type": "string", "contentEncoding": "base64"},
    FieldDescriptor.TYPE_BOOL: {"type": "boolean"},
    FieldDescriptor.TYPE_INT32: _INT32,
    FieldDescriptor.TYPE_SINT32: _INT32,
    FieldDescriptor.TYPE_SFIXED32: _INT32,
    FieldDescriptor.TYPE_UINT32: _UINT32,
    FieldDescriptor.TYPE_FIXED32: _UINT32,
    FieldDescriptor.TYPE_INT64: _INT64,
    FieldDescriptor.TYPE_SINT64: _INT64,
    FieldDescriptor.TYPE_SFIXED64: _INT64,
    FieldDescriptor.TYPE_UINT64: _UINT64,
    FieldDescriptor.TYPE_FIXED64: _UINT64,
    FieldDescriptor.TYPE_FLOAT: {"type": "number", "format": "float"},
    FieldDescriptor.TYPE_DOUBLE: {"type": "number", "format": "double"},
}

_WELL_KNOWN: Mapping[str, Json] = {
    TIMESTAMP: {"type": "string", "format": "date-time"},
    FIELD_MASK: {"type": "string", "pattern": r"^([A-Za-z0-9.]+(,[A-Za-z0-9.]+)*)?$"},
    "google.protobuf.Duration": {"type": "string", "pattern": r"^-?[0-9]+(\.[0-9]{1,9})?s$"},
    "google.protobuf.Empty": {"type": "object"},
    "google.protobuf.Struct": {"type": "object", "additionalProperties": True},
}

_FORMATS: Mapping[Format, Json] = {
    Format.ANY: {},
    Format.EMAIL: {"format": "email", "pattern": f"^{EMAIL}$"},
    Format.PAST_DATE: {"format": "date"},
    Format.PHONE: {"pattern": f"^{PHONE}$"},
    # An id is opaque; with `format: uuid` a client would take it for something else.
    Format.ID: {"pattern": f"^{ID}$"},
}
_FORMAT_WORDS: Mapping[Format, str] = {
    Format.PAST_DATE: "A day from 1900-01-01 to today.",
    Format.PHONE: "Written like +4915112345678.",
}


def scalar(field: FieldDescriptor) -> Json:
    """The schema of one value of a field that is neither an enum nor a message of ours.

    Raises:
        ValueError: a well-known type without a schema here.
    """
    if field.message_type is None:
        return dict(_SCALARS[field.type])
    name = field.message_type.full_name
    if name not in _WELL_KNOWN:
        raise ValueError(f"{field.full_name}: {name} has no schema in {__name__}")
    return dict(_WELL_KNOWN[name])


def _decimal(rule: DecimalRule) -> Json:
    places = rf"(\.[0-9]{{1,{rule.max_scale}}})?" if rule.max_scale else ""
    return {"maxLength": MOST_DECIMAL, "pattern": f"^[0-9]+{places}$"}


def _bounds(rule: DecimalRule) -> str:
    least = "above 0" if rule.positive else f"at least {rule.min or Decimal(0):f}"
    most = "" if rule.max is None else f" and at most {rule.max:f}"
    if rule.positive and rule.min is not None:
        least = f"at least {rule.min:f}"
    return f"A plain decimal number, {least}{most}, with at most {rule.max_scale} decimal places."


def _text(rule: FieldRule) -> Json:
    least = rule.min_length or int(rule.required and not rule.pattern)
    found: Json = {}
    if least:
        found["minLength"] = least
    if rule.max_length:
        found["maxLength"] = rule.max_length
    found |= _FORMATS[rule.format]
    if rule.pattern:
        found["pattern"] = f"^(?:{rule.pattern.pattern})$"
    elif rule.secret:
        found["format"] = "password"
    elif rule.format is Format.ANY:
        found["pattern"] = f"^{_NO_CONTROL}$"
    return found


def constraints(rule: FieldRule) -> Json:
    """What a field's rules add to the schema of one of its values."""
    if rule.decimal:
        return _decimal(rule.decimal)
    if rule.integer:
        return {"minimum": rule.integer.min, "maximum": rule.integer.max}
    return _text(rule) if rule.text else {}


def words(rule: FieldRule) -> str:
    """What the schema cannot say of a field's rules; empty when it says all."""
    if rule.decimal:
        return _bounds(rule.decimal)
    return _FORMAT_WORDS.get(rule.format, "")
